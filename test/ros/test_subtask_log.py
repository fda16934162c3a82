"""The memory of subtasks: a new text ends the one before."""

from wla_ros.ros.subtask_log import SubtaskHistory


def test_a_new_text_completes_the_current_subtask() -> None:
    history = SubtaskHistory().begun('stack', 10).named('reach', 20).named('grasp', 30)
    assert [(s.number, s.text, s.started_ns, s.ended_ns) for s in history.completed] == [
        (1, 'reach', 20, 30)
    ]
    assert history.current is not None
    assert (history.current.number, history.current.text, history.current.ended_ns) == (
        2,
        'grasp',
        0,
    )


def test_the_same_text_again_and_no_text_change_nothing() -> None:
    history = SubtaskHistory().begun('stack', 10).named('reach', 20)
    assert history.named('reach', 30) is history
    assert history.named('', 30) is history


def test_every_change_raises_the_revision_also_across_tasks() -> None:
    first = SubtaskHistory().begun('stack', 10).named('reach', 20)
    second = first.begun('unstack', 30)
    assert second.revision == first.revision + 1
    assert second.current is None
    assert second.completed == ()
