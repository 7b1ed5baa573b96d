"""`convlens explore`: the page that shows every number of a network, on loopback or as one file."""

from __future__ import annotations

import importlib.util
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.shared import NetworkSource, one_line, tell

if TYPE_CHECKING:
    from convlens.cli.explore_source import Source
    from convlens.explorer.server import Services


def explore(
    source: NetworkSource = None,
    code: Annotated[
        Path | None,
        typer.Option("--code", metavar="DIR", help="Folder with course files of tasks 0 to 3, to run beside the page."),
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Port on 127.0.0.1. [default: a free one]")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only; open no browser.")] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE.html", help="Write the page as one file that needs nothing else."),
    ] = None,
) -> None:
    """Show every number of a network in a page, forward and backward.

    The page is served on this machine alone, until Ctrl-C.
    """
    from convlens.cli import explore_source

    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"--port must be from 1 to 65535; got {port}")
    if export is not None:
        _check_export(export, code, port, no_browser)
        _export(export, explore_source.find(source))
        return
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"explore needs {package}: pip install 'convlens[explore]'; "
                "--export FILE.html writes the page without it"
            )
    if code is not None and not code.is_dir():
        raise NotADirectoryError(f"--code must be a folder with course files; {code} is none")
    _serve(explore_source.find(source), code, port, not no_browser)


def _check_export(export: Path, code: Path | None, port: int | None, no_browser: bool) -> None:
    """Raise ValueError for options that only a server has, and for a name that is not a page's."""
    for name, given in (("--code", code), ("--port", port), ("--no-browser", no_browser or None)):
        if given is not None:
            raise ValueError(f"{name} is for the server, and --export writes a file; give only one of them")
    if export.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--export must end in .html; got {export}")


def _export(path: Path, found: Source) -> None:
    write_page(path, found)
    _tell(found)
    print(one_line(str(path)))


def write_page(path: Path, found: Source) -> None:
    """Write the page as one file. ValueError for a network that is too large, or data that do not fit it."""
    from convlens.explorer.export import export_page
    from convlens.storage.atomic import atomic_write

    page = export_page(_data(found, None))
    with atomic_write(path) as file:
        file.write(page)


def _data(found: Source, server: dict[str, bool] | None) -> dict[str, Any]:
    from convlens.explorer.data import chosen_pictures, page_data

    model = found.model
    pictures = None if found.digits is None else chosen_pictures(found.digits, found.images, model.input_shape)
    return page_data(model, found.images, pictures, found.run, server)


def _serve(found: Source, code: Path | None, port: int | None, browser: bool) -> None:
    from convlens.explorer.security import new_token
    from convlens.explorer.server import application, listen, serve

    services = _services(found, code)
    token = new_token()
    try:
        listening = listen(port)
        number = listening.getsockname()[1]
        address = f"http://127.0.0.1:{number}/{token}/"

        def started() -> None:
            print(address, flush=True)
            tell("the page is on this machine alone; Ctrl-C ends it")
            if browser:
                webbrowser.open(address)

        _tell(found)
        serve(application(services, token, number), listening, started)
    except KeyboardInterrupt:
        tell("ended")
    finally:
        services.close()


def _services(found: Source, code: Path | None) -> Services:
    from convlens.cli.train_run import claim
    from convlens.explorer.course_code import CourseCode
    from convlens.explorer.data import pictures_to_json, training_pictures
    from convlens.explorer.save import Saver
    from convlens.explorer.server import Services
    from convlens.explorer.uploads import picture_reader

    model, digits, images = found.model, found.digits, found.images
    save = training = None
    if digits is not None:

        def training() -> dict[str, Any]:
            return pictures_to_json(training_pictures(digits, images, model.input_shape), images)

        if found.settings is not None:
            save = Saver(model, digits, found.settings, partial(claim, f"{found.name}-explored"))
    course = None if code is None else CourseCode(code)
    picture = picture_reader(images, model.input_shape)
    able = {"code": course, "picture": picture, "save": save, "training": training}
    offered = {name: service is not None for name, service in able.items()}
    return Services(_data(found, offered), training, course, picture, save)


def _tell(found: Source) -> None:
    for note in (*(found.digits.notes if found.digits else ()), *found.notes):
        tell(f"note: {note}")
