"""The routes of the pages: jobs, a job, files, and the session."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sftc.contract.versions import PACKAGED
from sftc.service import admission
from sftc.service.background import Runner
from sftc.service.limits import ServiceLimits
from sftc.service.pages import job_view
from sftc.service.pages.config_view import config_view
from sftc.service.pages.event_stream import IS_STREAM, Parts, part_messages, state_of
from sftc.service.pages.html import asset, fill
from sftc.service.pages.live_curves import HEIGHT, WIDTH, Measurements
from sftc.service.pages.read_back import sent_values
from sftc.service.pages.session import HEADERS, Session
from sftc.service.responses import RequestRefusedError
from sftc.service.store import Record, Store
from sftc.service.uploads import pieces

_MOST: Final = 500
"""The number of jobs and of files that a page shows, the newest."""

_FORM: Final = 1 << 13
"""Maximum size of a form, in bytes."""

_ASSETS: Final = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

_TO: Final = re.compile(r"/|/files|/jobs/[a-z0-9-]+")
"""The pages that a login may lead to."""

_AGAIN: Final = "again-"
"""Begins the idempotency key of a job that was started again, before the id of the job that it repeats."""


class Pages:
    """The pages of a service.

    Args:
        store: the database.
        runner: runs and cancels jobs.
        session: decides who may see them.
        limits: limits on requests.
    """

    def __init__(self, store: Store, runner: Runner, session: Session, limits: ServiceLimits) -> None:
        self._store = store
        self._runner = runner
        self._session = session
        self._limits = limits

    def routes(self) -> list[Route]:
        """Return the routes; `PAGES` has their paths."""
        return [
            Route("/", self.job_list),
            Route("/stream", self.job_list_stream),
            Route("/files", self.file_list),
            Route("/files/stream", self.file_list_stream),
            Route("/jobs/{id}", self.one_job),
            Route("/jobs/{id}/stream", self.one_job_stream),
            Route("/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/jobs/{id}/start", self.start, methods=["POST"]),
            Route("/jobs/{id}/again", self.again, methods=["POST"]),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/static/{name}", self.static),
        ]

    # What can be seen

    async def job_list(self, request: Request) -> Response:
        """Return the page of all jobs."""
        return _live_page("jobs.html", "/stream", self._job_list_parts())

    async def job_list_stream(self, request: Request) -> Response:
        """Return the changes of the page of all jobs."""
        return self._stream(request, None, self._job_list_parts)

    def _job_list_parts(self) -> Parts:
        jobs = self._store.jobs(None, None, _MOST)
        shown = [(job, job_view.title(job), job_view.progress(self._store, job)) for job in jobs]
        running = sum(job["status"] == "running" for job in jobs)
        return {
            "title": fill("part_title.html", text=f"{running} running · sftc" if running else "Jobs · sftc"),
            "jobs": fill("part_jobs.html", jobs=shown, most=_MOST),
        }

    async def file_list(self, request: Request) -> Response:
        """Return the page of all files."""
        return _live_page("files.html", "/files/stream", self._file_list_parts())

    async def file_list_stream(self, request: Request) -> Response:
        """Return the changes of the page of all files."""
        return self._stream(request, None, self._file_list_parts)

    def _file_list_parts(self) -> Parts:
        files = self._store.files(None, _MOST)
        return {"files": fill("part_files.html", files=files, most=_MOST)}

    async def one_job(self, request: Request) -> Response:
        """Return the page of a job."""
        job = self._job(request)
        if not job:
            return _no_job()
        page = {
            "job": job,
            "name": job_view.title(job),
            "files": self._files(job),
        }
        return _live_page("job.html", f"/jobs/{job['id']}/stream", self._job_look(job["id"])(), **page)

    async def one_job_stream(self, request: Request) -> Response:
        """Return the changes of the page of a job."""
        job = self._job(request)
        if not job:
            return _no_job()
        return self._stream(request, job["id"], self._job_look(job["id"]))

    def _job_look(self, id: str) -> Callable[[], Parts]:
        """Return a function that returns the parts of a job's page. A call does only what is new."""
        measured = Measurements()

        @lru_cache(1)
        def values(reported: tuple[str, ...], provenance: str | None) -> Parts:
            job = self._store.job(id)
            assert job  # noqa: S101  jobs are never deleted
            sent = sent_values(job["payload"], reported)
            config = config_view(json.loads(provenance), sent) if provenance else None
            version = PACKAGED.of_payload(job["payload"]).version
            return {
                "config": fill("part_config.html", config=config, version=version),
                "values": fill("part_values.html", values=config.others if config else sent),
            }

        def look() -> Parts:
            job = self._store.job(id)
            assert job  # noqa: S101  as above
            measured.add(self._store.new_points(id, measured.number))
            progress, found = job_view.progress(self._store, job), job_view.found(self._store, id)
            share = f"{progress.share:.0%} · " if job["status"] == "running" and progress.steps else ""
            actions = {"next": self._store.job_of_key(_AGAIN + id), "is_final": job_view.is_final(job)}
            events = self._store.newest_events(id, job_view.NEWEST)
            reported = [*(event["message"] for event in found), job["error"] or ""]
            return {
                "title": fill("part_title.html", text=f"{share}{job_view.title(job)} · {job['status']}"),
                "state": fill("part_state.html", job=job, progress=progress),
                "actions": fill("part_actions.html", job=job, **actions),
                "curves": fill("part_curves.html", panels=measured.panels(), width=WIDTH, height=HEIGHT),
                "found": fill("part_found.html", found=found),
                "samples": fill("part_samples.html", samples=job_view.samples(self._store, id)),
                "events": fill("part_events.html", events=events, most=job_view.NEWEST),
                **values(tuple(reported), self._store.provenance(id)),
            }

        return look

    def _files(self, job: Record) -> list[tuple[str, Record]]:
        """Return the files of a job, each with what it is for."""
        data = job["payload"]["metadata"]["effective_config"]["data"]
        ids = [("training", job["payload"]["training_file_id"])]
        ids += [("validation", id) for id in data.get("validation_files", [])]
        return [(use, file) for use, id in ids if (file := self._store.file(id))]

    async def static(self, request: Request) -> Response:
        """Return what all pages load: the style, the script or the icon."""
        name = request.path_params["name"]
        if name not in _ASSETS:
            return _problem(404, "Not found", "There is no such page.")
        return Response(asset(name), headers=HEADERS, media_type=_ASSETS[name])

    # What can be changed

    async def cancel(self, request: Request) -> Response:
        """Cancel a job that has not ended."""
        if job := self._job(request):
            self._runner.cancel(job["id"])
            return _to_job(job["id"])
        return _no_job()

    async def start(self, request: Request) -> Response:
        """Queue a job that was created and never started."""
        if job := self._job(request):
            if self._store.move(job["id"], "queued", of=("created",)):
                self._runner.add()
            return _to_job(job["id"])
        return _no_job()

    async def again(self, request: Request) -> Response:
        """Start a job with the payload of one that has ended; asked twice, it is one job.

        If that one failed and left a checkpoint, the new job continues from there.
        """
        job = self._job(request)
        if not job:
            return _no_job()
        if not job_view.is_final(job):
            return _problem(409, "It has not ended", "A job can be started again once it has ended.")
        try:
            admission.admit_files(job["payload"], self._store)
        except RequestRefusedError as error:
            return _problem(409, "It cannot be started again", str(error))
        new, _ = self._store.add_job(job["payload"], job["payload_digest"], _AGAIN + job["id"])
        if known := self._store.provenance(job["id"]):
            self._store.describe(new["id"], json.loads(known))
        if self._store.move(new["id"], "queued", of=("created",)):
            self._runner.add()
        return _to_job(new["id"])

    # The session

    async def login(self, request: Request) -> Response:
        """Return the form that asks for the token (GET), or begin a session (POST)."""
        if request.method != "POST":
            return _login_page(request.query_params.get("to", ""))
        body = b"".join([piece async for piece in pieces(request, _FORM, self._limits.patience)])
        form = parse_qs(body.decode("utf-8", "replace"))
        token, to = (form.get(name, [""])[0].strip() for name in ("token", "to"))
        answer = _to(to if _TO.fullmatch(to) else "/")
        if self._session.begin(request, answer, token):
            return answer
        return _login_page(to, "This is not the token.")

    async def logout(self, request: Request) -> Response:
        """End the session."""
        answer = _to("/login")
        self._session.end(request, answer)
        return answer

    def _job(self, request: Request) -> Record | None:
        return self._store.job(request.path_params["id"])

    def _stream(self, request: Request, id: str | None, look: Callable[[], Parts]) -> Response:
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        messages = part_messages(self._store.changes, id, look, seen)
        request.scope["state"][IS_STREAM] = True
        return StreamingResponse(messages, media_type="text/event-stream", headers=HEADERS)


def _login_page(to: str, problem: str = "") -> Response:
    page = fill("login.html", to=to if _TO.fullmatch(to) else "/", problem=problem)
    return HTMLResponse(page, 401 if problem else 200, HEADERS)


def _live_page(template: str, stream: str, parts: Parts, **values: Any) -> Response:
    from markupsafe import Markup  # as in `html`

    html = {name: Markup(part) for name, part in parts.items()}  # noqa: S704  filled by templates
    page = fill(template, parts=html, stream=f"{stream}?seen={state_of(parts)}", **values)
    return HTMLResponse(page, headers=HEADERS)


def _problem(status: int, title: str, text: str) -> Response:
    return HTMLResponse(fill("problem.html", title=title, text=text), status, HEADERS)


def _no_job() -> Response:
    return _problem(404, "No such job", "This service has no job with this id.")


def _to(path: str) -> Response:
    return RedirectResponse(path, 303, HEADERS)


def _to_job(id: str) -> Response:
    return _to(f"/jobs/{id}")
