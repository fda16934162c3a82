# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The names of everything that refuses a chunk, refuses a mode or holds the arms; stable, for logs
and tests.
"""

# Chunks refused before they are read.
OVERSIZE = 'oversize'
REPLACED_UNREAD = 'replaced_unread'
UNREADABLE = 'unreadable'

# Chunks refused at the gate.
WRONG_MODE = 'wrong_mode'
OTHER_SESSION = 'other_session'
NOT_READY = 'not_ready'
EPOCH_STALE = 'epoch_stale'
SEQUENCE_DUPLICATE = 'sequence_duplicate'
SEQUENCE_OUT_OF_ORDER = 'sequence_out_of_order'
ANCHOR_STALE = 'anchor_stale'
STAMP_IN_FUTURE = 'stamp_in_future'
ALL_ROWS_LATE = 'all_rows_late'
REPRESENTATION_UNSUPPORTED = 'representation_unsupported'
COLUMNS_WRONG = 'columns_wrong'
ROWS_SHAPE_WRONG = 'rows_shape_wrong'
ROW_PERIOD_WRONG = 'row_period_wrong'
HORIZON_WRONG = 'horizon_wrong'
PREFIX_WRONG = 'prefix_wrong'
OFFSET_WRONG = 'offset_wrong'
PLAN_TOO_LONG = 'plan_too_long'
NOTHING_NEW = 'nothing_new'
NOT_FINITE = 'not_finite'
POSITION_IMPLAUSIBLE = 'position_implausible'
VELOCITY_IMPLAUSIBLE = 'velocity_implausible'
START_DEVIATION = 'start_deviation'
POSE_UNREACHABLE = 'pose_unreachable'

# Feedback refused by the executor, besides the reasons of samples below.
UNKNOWN_ARM = 'unknown_arm'
BEYOND_LIMITS = 'beyond_limits'

# Modes refused.
TRANSITION_ILLEGAL = 'transition_illegal'
NO_HOME = 'no_home'
SEVERAL_POLICIES = 'several_policies'
NOT_LATCHED = 'not_latched'

# Why the arms hold or nothing is commanded.
WAITING_FOR_DISCOVERY = 'waiting_for_discovery'
WAITING_FOR_FEEDBACK = 'waiting_for_feedback'
WAITING_FOR_CHUNK = 'waiting_for_chunk'
STARVATION = 'starvation'
FINISHED = 'finished'
FEEDBACK_STALE = 'feedback_stale'
FEEDBACK_CONTRADICTORY = 'feedback_contradictory'
FEEDBACK_FROZEN = 'feedback_frozen'
FEEDBACK_JUMPED = 'feedback_jumped'
ARM_FAULT = 'arm_fault'
ARM_CONDITION_MISSING = 'arm_condition_missing'
DEVIATION = 'deviation'
CLOCK_JUMP = 'clock_jump'
TICK_FAILED = 'tick_failed'
HOMED = 'homed'
START_UP = 'start_up'
REQUESTED = 'requested'


# The names of every reason why an input, an observation or a result is refused.
#
# One place, so that status messages, diagnostics, reports and tests agree. The detail sentence of
# a refusal gives stream, value and bound; the name is for machines and never changes with the
# values.

# At admission: the sample is counted as refused and never enters a buffer.
ZERO_STAMP = 'zero_stamp'
FUTURE_STAMP = 'future_stamp'
DUPLICATE_STAMP = 'duplicate_stamp'
OUT_OF_ORDER = 'out_of_order'
STAMP_JUMP = 'stamp_jump'
BEFORE_RESET = 'before_reset'
BAD_IMAGE = 'bad_image'
BAD_OBJECTS = 'bad_objects'
WRONG_WIDTH = 'wrong_width'
IMPLAUSIBLE = 'implausible'
ALL_ZERO = 'all_zero'
FROZEN = 'frozen'
UNKNOWN_STREAM = 'unknown_stream'

# No observation can be made.
NO_DATA = 'no_data'
STALE = 'stale'
SKEW = 'skew'
GAP = 'gap'
MISSING_HISTORY = 'missing_history'
WAITING_FOR_CAMERA = 'waiting_for_camera'
WAITING_FOR_JOINTS = 'waiting_for_joints'
WAITING_FOR_OBJECTS = 'waiting_for_objects'
NO_NEW_FRAME = 'no_new_frame'

# The graph is not what the configuration expects.
SEVERAL_PUBLISHERS = 'several_publishers'
TYPE_MISMATCH = 'type_mismatch'

# The executor's plan says that there should be no inference now, or is not to be used.
NOT_DUE = 'not_due'
WAITING_FOR_PLAN = 'waiting_for_plan'
STRATEGY_MISMATCH = 'strategy_mismatch'
BAD_PLAN = 'bad_plan'

# A result of a policy does not become a chunk.
STALE_EPOCH = 'stale_epoch'
BAD_RESULT = 'bad_result'
INFERENCE_ERROR = 'inference_error'

# What healthy streams do now and then; every other refusal is worth a line in the log.
ROUTINE = frozenset({DUPLICATE_STAMP, OUT_OF_ORDER, BEFORE_RESET})

# Ordinary pacing of a healthy system, not a fault.
TRANSIENT = frozenset(
    {NO_NEW_FRAME, WAITING_FOR_CAMERA, WAITING_FOR_JOINTS, WAITING_FOR_OBJECTS, NOT_DUE}
)
# Nothing is missing: there is simply nothing to do.
PACING = frozenset({NO_NEW_FRAME, NOT_DUE})
