"""How images are pulled and removed by steps."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rockonweb.core.docker.pull_layers import PullProgress
from rockonweb.core.operations.steps import PullImage, RemoveImage
from rockonweb.core.text import t
from rockonweb.models import PulledImage, db, transaction, utc_now
from rockonweb.remote.registry import Credentials
from rockonweb.work import registry_logins
from rockonweb.work.step_actions import SideBySideAction, StepAction, StepContext, register_for

PROGRESS_SECONDS = 0.5  # between two writes of a pull's progress


@register_for(PullImage)
class _PullImageAction(SideBySideAction[PullImage, PullProgress]):
    def work(self, context: StepContext, step: PullImage) -> Iterator[PullProgress]:
        login = registry_logins.login_for_image(step.image)
        db.session.rollback()
        return self._pull(context, step, login)

    def _pull(self, context: StepContext, step: PullImage, login: Credentials | None) -> Iterator[PullProgress]:
        shown_at, silent_minutes = time.monotonic(), 0
        limit = context.pull_timeout
        for progress in context.engine.pull_image(
            step.image, required=step.required, silent_seconds=limit, login=login
        ):
            if (
                progress.outcome
                or progress.silent_minutes != silent_minutes
                or time.monotonic() - shown_at >= PROGRESS_SECONDS
            ):
                shown_at, silent_minutes = time.monotonic(), progress.silent_minutes
                yield progress

    def note(self, context: StepContext, step: PullImage, row_id: int, item: PullProgress) -> str:
        context.show_progress(row_id, item.layers, _describe_silence(item.silent_minutes, context.pull_timeout))
        if item.new_image_id:  # only images that were pulled here are offered for removal
            with transaction() as session:
                session.merge(PulledImage(id=item.new_image_id, reference=step.image, pulled=utc_now()))
        if not item.is_pulled:
            context.retitle_step(row_id, t("use the image %(image)s that is on this host", image=step.image))
        return item.outcome


def _describe_silence(minutes: int, limit: int) -> str:
    """Return what to show while a registry brings nothing new; blank for 0 minutes."""
    if not minutes:
        return ""
    return t(
        "The registry has sent nothing new for %(minutes)s min. This is given up after %(limit)s min.",
        minutes=minutes,
        limit=round(limit / 60, 1),
    )


@register_for(RemoveImage)
class _RemoveImageAction(StepAction[RemoveImage]):
    def do(self, context: StepContext, step: RemoveImage, row_id: int) -> None:
        image_id = context.engine.image_id(step.image)
        if context.engine.remove_image(step.image):
            if image_id is None:
                context.retitle_step(row_id, t("image %(image)s does not exist any more", image=step.image))
            return
        users = [facts.name for facts in context.engine.list_containers().values() if facts.image_id == image_id]
        context.retitle_step(
            row_id,
            t("keep image %(image)s: still used by %(names)s", image=step.image, names=", ".join(sorted(users)))
            if users
            else t("keep image %(image)s: Docker says that it is still used", image=step.image),
        )
