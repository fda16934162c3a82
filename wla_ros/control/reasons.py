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

# Feedback refused, besides the reasons of `core.refusal_reasons`.
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
