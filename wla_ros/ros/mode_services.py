"""
The services that change who commands the arms, and the latched topic that says who does.

Owns service names, answers, the publication of changes and what keeps the emergency stop latched
over a restart. Whether a change is allowed the executor decides.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any

from std_srvs.srv import Trigger

from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.control.reasons import REQUESTED
from wla_ros.control.reasons import TICK_FAILED
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal
from wla_ros.msg import ControlMode
from wla_ros.ros import qos
from wla_ros.ros.conversions import mode_message
from wla_ros.ros.estop_latch import EstopLatch
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.service_thread import ServiceThread
from wla_ros.srv import SetControlMode


class ModeServices:
    """Any thread may change the mode or publish it; a thread of their own answers requests."""

    def __init__(
        self,
        node: LifecycleShell[Any],
        executor: ChunkExecutor,
        lock: threading.RLock,
        *,
        latch: EstopLatch,
        impediment: Callable[[], str],
        on_change: Callable[[], None],
    ) -> None:
        """
        Create services and topic on `node`; `lock` guards `executor`.

        What `latch` keeps is in force from the beginning. While `impediment` names one, nothing
        starts to move. `on_change` is called under the lock
        after every published change.
        """
        self._node = node
        self._executor = executor
        self._lock = lock
        self._latch = latch
        self._impediment = impediment
        self._on_change = on_change
        self._published: Mode | None = None
        self._modes = node.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
        latched = latch.reason()
        if latched is not None:
            executor.set_mode(Mode.ESTOP, node.now_ns(), f'latched before the start: {latched}')
        self._thread = ServiceThread(node)
        self._thread.create_service(SetControlMode, '~/set_mode', self._on_set_mode)
        self._thread.create_service(Trigger, '~/estop', self._on_estop)
        self._thread.create_service(Trigger, '~/estop_reset', self._on_estop_reset)
        self._thread.create_service(Trigger, '~/home', self._on_home)
        self._thread.start()

    @property
    def changed(self) -> bool:
        """Whether the executor changed its mode since it was published."""
        return self._executor.mode != self._published

    def change(self, mode: Mode, reason: str, *, session: int = 0) -> Refusal | None:
        """Enter `mode`, or say why not; AUTONOMY for the chunks of `session`."""
        with self._lock:
            if mode in (Mode.AUTONOMY, Mode.HOMING):
                if not self._node.active:
                    return Refusal(reason='inactive', detail='the executor node is not active')
                if impediment := self._impediment():
                    return Refusal(reason=TICK_FAILED, detail=impediment)
            refusal = self._executor.set_mode(mode, self._node.now_ns(), reason, session=session)
        self.publish()
        if mode == Mode.ESTOP and refusal is None:
            # After the stop, which waits for no disk, and before the answer.
            self._latch.keep(f'{reason}, {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC')
        return refusal

    @property
    def problem(self) -> str:
        """What goes wrong with requests or the latch, empty if nothing does."""
        return self._latch.problem or self._thread.problem

    def stop(self) -> None:
        """Answer no more requests."""
        self._thread.stop()

    def publish(self) -> None:
        """Publish the mode if it has changed."""
        with self._lock:
            if not self.changed:
                return
            self._published = self._executor.mode
            entry = self._executor.snapshot(self._node.now_ns()).mode
            # What the executor decided itself begins with the name of the reason.
            reason = entry.reason if entry.cause == REQUESTED else f'{entry.cause}: {entry.reason}'
            self._modes.publish(
                mode_message(
                    entry.mode, revision=entry.revision, reason=reason, stamp=entry.entered_ns
                )
            )
            self._on_change()
        self._node.get_logger().info(f'mode {entry.mode.name}: {reason}')

    # Services, in the thread of their own

    def _on_set_mode(
        self, request: SetControlMode.Request, response: SetControlMode.Response
    ) -> SetControlMode.Response:
        if request.mode not in set(Mode):
            response.success, response.message = False, f'there is no mode {request.mode}'
            return response
        mode = Mode(request.mode)
        refusal = self.change(mode, request.reason or 'set_mode', session=request.session)
        return self._answered(response, refusal, mode)

    def _on_estop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answered(response, self.change(Mode.ESTOP, 'estop service'), Mode.ESTOP)

    def _on_estop_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            refusal = self._executor.reset_emergency_stop(
                self._node.now_ns(), 'estop_reset service'
            )
        self.publish()
        if refusal is None:
            self._latch.release()
        return self._answered(response, refusal, Mode.HOLD)

    def _on_home(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answered(response, self.change(Mode.HOMING, 'home service'), Mode.HOMING)

    def _answered(self, response: Any, refusal: Refusal | None, mode: Mode) -> Any:
        response.success = refusal is None
        response.message = mode.name if refusal is None else f'{refusal.reason}: {refusal.detail}'
        if self._latch.problem:
            response.message += f'; {self._latch.problem}'
        return response
