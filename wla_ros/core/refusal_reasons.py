"""
The names of every reason why an input, an observation or a result is refused.

One place, so that status messages, diagnostics, reports and tests agree. The detail sentence of a
refusal gives stream, value and bound; the name is for machines and never changes with the values.
"""

from collections.abc import Mapping

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

# The executor's plan says that there should be no inference now, or is not to be used.
NOT_DUE = 'not_due'
WAITING_FOR_PLAN = 'waiting_for_plan'
STRATEGY_MISMATCH = 'strategy_mismatch'
BAD_PLAN = 'bad_plan'

# A result of a policy does not become a chunk.
STALE_EPOCH = 'stale_epoch'
BAD_RESULT = 'bad_result'
INFERENCE_ERROR = 'inference_error'

DESCRIPTIONS: Mapping[str, str] = {
    ZERO_STAMP: 'the header stamp is zero or negative: the driver does not stamp its messages',
    FUTURE_STAMP: 'the stamp lies further in the future than the tolerance: clocks disagree',
    DUPLICATE_STAMP: 'the stamp equals the newest one: the same data was sent again',
    OUT_OF_ORDER: 'the stamp is older than the newest one, by less than a clock jump',
    STAMP_JUMP: 'the stamp lies off the time line of its stream; a series proves a new one',
    BEFORE_RESET: 'the sample was taken before the running epoch began',
    BAD_IMAGE: 'the pixels are not a uint8 array [h, w, 3]',
    BAD_OBJECTS: 'the object poses are not finite or not [n, 7]',
    WRONG_WIDTH: 'the joint vectors do not have seven entries',
    NOT_FINITE: 'a number is NaN or infinite',
    IMPLAUSIBLE: 'a value is physically impossible, most likely a wrong unit',
    ALL_ZERO: 'position, velocity and effort are exactly zero: the driver has no data',
    FROZEN: 'stamps are fresh but the pixels have not changed',
    UNKNOWN_STREAM: 'the policy does not use a stream of this name',
    NO_DATA: 'no usable sample was ever received in this epoch',
    STALE: 'the newest sample is older than its maximum age',
    SKEW: 'no set of frames lies within the bound of one anchor frame',
    GAP: 'the joint samples around the anchor time are too far apart to interpolate',
    CLOCK_JUMP: 'time jumped; buffers were cleared and a new epoch began',
    MISSING_HISTORY: 'no frame lies close enough to a history instant',
    WAITING_FOR_CAMERA: 'the matching frame of another camera has not arrived yet',
    WAITING_FOR_JOINTS: 'joint samples at the anchor time have not arrived yet',
    WAITING_FOR_OBJECTS: 'object poses at the anchor time have not arrived yet',
    NO_NEW_FRAME: 'every anchor has been used; the next one has not arrived yet',
    NOT_DUE: 'the strategy infers later',
    WAITING_FOR_PLAN: 'the strategy infers while the arms rest, and no executor was heard',
    STRATEGY_MISMATCH: 'executor and policy node run different asynchronous strategies',
    BAD_PLAN: 'the plan of the executor has the wrong shape or is not finite',
    STALE_EPOCH: 'the epoch changed while the policy was thinking',
    BAD_RESULT: 'the rows of the policy do not match its specification',
    INFERENCE_ERROR: 'the policy raised an error',
}

# What healthy streams do now and then; every other refusal at a door is worth a line in the log.
ROUTINE = frozenset({DUPLICATE_STAMP, OUT_OF_ORDER, BEFORE_RESET})
# Ordinary pacing of a healthy system, not a fault.
TRANSIENT = frozenset(
    {NO_NEW_FRAME, WAITING_FOR_CAMERA, WAITING_FOR_JOINTS, WAITING_FOR_OBJECTS, NOT_DUE}
)
# Nothing is missing: there is simply nothing to do.
PACING = frozenset({NO_NEW_FRAME, NOT_DUE})
