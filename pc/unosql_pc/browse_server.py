"""`unosql browse`: the page and its JSON over HTTP, to this machine only, under a path that nobody can guess.

GET of /TOKEN/ is the page, which asks TOKEN/api/...: databases; then by the number of one NUMBER/structure, records, history,
chart, export, with what they are about as parameters. An error is {"error": line}. Nothing here changes anything.
"""
import contextlib
import secrets
import socket
import tempfile
import webbrowser
from pathlib import Path
from urllib.parse import quote

from . import browsing, extras, open_path, writing
from .terminal import Failure, say, shown

PAGE = Path(__file__).parent / "page"
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "json": "application/json", "html": "text/html",
         "sqlite": "application/vnd.sqlite3", "parquet": "application/vnd.apache.parquet"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
}


def run(paths, name, key, times, port=0, open_page=True):
    """Serve until Ctrl-C."""
    uvicorn = extras.need("uvicorn", "browse")
    extras.need("starlette", "browse")
    with contextlib.ExitStack() as stack:
        shown_ones = opened(paths, name, key, times, stack)
        token = secrets.token_urlsafe(18)
        listener = stack.enter_context(_listener(port))
        port = listener.getsockname()[1]
        url = "http://127.0.0.1:%d/%s/" % (port, token)
        print(url, flush=True)
        say("showing %s; Ctrl-C ends" % ", ".join(shown(one.summary()["label"]) for one in shown_ones))
        if open_page:
            webbrowser.open(url)
        config = uvicorn.Config(app(shown_ones, token, port), log_level="error", access_log=False, lifespan="off")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listener(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once only where TCP is told
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)  # whoever reads the address may come at once
    except (OSError, OverflowError) as error:
        listener.close()
        raise Failure("port %d cannot be had: %s" % (port, error)) from None
    return listener


def opened(paths, name, key, times, stack):
    """The databases at paths as browsing.Shown. Failure, WrongKeyError, CorruptionError."""
    found = []
    for path in paths:
        sources = [open_path.choose(path, name, key)] if name else open_path.find(path, key)
        for source in sources:
            one = browsing.Shown(source, key, times)
            stack.callback(one.close)
            found.append(one)
    return found


def app(databases, token, port):
    """The ASGI application. databases: of browsing.Shown, which the page knows by their numbers."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    answers = Answers(databases)
    routes = [Route("/databases", answers.databases)]
    routes += [Route("/{db:int}/" + name, getattr(answers, name)) for name in ("structure", "records", "history", "chart", "export")]
    page = StaticFiles(directory=PAGE, html=True)
    # a name of another host that leads here, as in DNS rebinding, is refused
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return with_headers(Starlette(routes=[Mount("/" + token, routes=[Mount("/api", routes=routes), Mount("/", page)])],
                                  middleware=[hosts], exception_handlers={Exception: answers.failed}))


def with_headers(inner):
    """The same application with HEADERS in all that it answers."""
    async def outer(scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        await inner(scope, receive, sending)

    return outer


class Answers:
    """Requests to the JSON interface. Each runs in a thread; browsing.Shown keeps them apart."""

    def __init__(self, databases):
        self._databases = databases

    def _one(self, request):
        number = request.path_params["db"]
        if number >= len(self._databases):
            raise Failure("no database %d" % number)
        return self._databases[number]

    def _answer(self, call, *arguments):
        from starlette.responses import JSONResponse

        try:
            return JSONResponse(call(*arguments))
        except Exception as error:
            return JSONResponse({"error": browsing.line_of(error)}, 400)

    def failed(self, request, error):
        return self._answer(_raise, error)

    def databases(self, request):
        return self._answer(lambda: [one.summary() for one in self._databases])

    def structure(self, request):
        return self._answer(lambda: self._one(request).structure())

    def records(self, request):
        asked = request.query_params
        return self._answer(lambda: self._one(request).page(
            _text(asked, "collection"), asked.get("where", ""), asked.get("order", ""), _number(asked, "skip", 0), _number(asked, "limit", 50)))

    def history(self, request):
        asked = request.query_params
        return self._answer(lambda: self._one(request).history(_text(asked, "collection"), _number(asked, "id", 0)))

    def chart(self, request):
        asked = request.query_params
        return self._answer(lambda: self._one(request).chart(
            _text(asked, "collection"), asked.get("x", ""), asked.get("y", ""), asked.get("by", ""), asked.get("where", "")))

    def export(self, request):
        from starlette.responses import Response

        asked, form = request.query_params, request.query_params.get("form", "csv")
        try:
            table = self._one(request).table(_text(asked, "collection"), asked.get("where", ""), asked.get("order", ""))
            data = content(form, table)
        except Exception as error:
            return self._answer(_raise, error)
        name = quote("%s.%s" % (table.name, form), safe="")
        return Response(data, media_type=TYPES[form], headers={"Content-Disposition": "attachment; filename*=UTF-8''" + name})


def _text(asked, name):
    """A part of the request that must be there. Failure when it is not."""
    if name not in asked:
        raise Failure("the request has no %s" % name)
    return asked[name]


def _number(asked, name, default):
    """A whole number of the request. Failure when it is none."""
    text = asked.get(name, str(default))
    if not text.isdecimal():
        raise Failure("%s is no number: %s" % (name, shown(text)))
    return int(text)


def _raise(error):
    raise error


def content(form, table):
    """The bytes of a table in a form."""
    if form not in TYPES:
        raise Failure("no form %s" % shown(form))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export"
        writing.write(form, file, [table], False)
        return file.read_bytes()
