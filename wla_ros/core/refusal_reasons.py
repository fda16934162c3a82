"""
The names of every reason why an input, an observation or a result is refused.

One place, so that status messages, diagnostics, reports and tests agree. The detail sentence of a
refusal gives stream, value and bound; the name is for machines and never changes with the values.
"""

# At the door: the sample is counted as refused and never enters a buffer.
ZERO_STAMP = 'zero_stamp'
FUTURE_STAMP = 'future_stamp'
DUPLICATE_STAMP = 'duplicate_stamp'
OUT_OF_ORDER = 'out_of_order'
STAMP_JUMP = 'stamp_jump'
BEFORE_RESET = 'before_reset'
BAD_IMAGE = 'bad_image'
BAD_OBJECTS = 'bad_objects'
WRONG_WIDTH = 'wrong_width'
NOT_FINITE = 'not_finite'
IMPLAUSIBLE = 'implausible'
ALL_ZERO = 'all_zero'
FROZEN = 'frozen'
UNKNOWN_STREAM = 'unknown_stream'

# No observation can be made.
NO_DATA = 'no_data'
STALE = 'stale'
SKEW = 'skew'
GAP = 'gap'
CLOCK_JUMP = 'clock_jump'
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

# What healthy streams do now and then; every other refusal at a door is worth a line in the log.
ROUTINE = frozenset({DUPLICATE_STAMP, OUT_OF_ORDER, BEFORE_RESET})

# Ordinary pacing of a healthy system, not a fault.
TRANSIENT = frozenset(
    {NO_NEW_FRAME, WAITING_FOR_CAMERA, WAITING_FOR_JOINTS, WAITING_FOR_OBJECTS, NOT_DUE}
)
# Nothing is missing: there is simply nothing to do.
PACING = frozenset({NO_NEW_FRAME, NOT_DUE})
