"""The commands, put together. Heavy imports happen inside the commands, so that help is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from . import adapters, demo, learn, run, sandbox, show, skills
from .options import Common, Model, Workspace

app = typer.Typer(
    name="journeyman",
    help="Do it once with a language model; keep it as tested code.",
    epilog="""Examples:

\b
  journeyman                                         an interactive session
  journeyman demo --quick                            watch it learn two kinds of task
  journeyman run --url https://example.org "open the imprint"
  journeyman skills list
""",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("practise")(learn.practise)
app.command("exam")(learn.exam)
app.command("distill")(learn.distill)
app.command("measure")(learn.measure)
app.command("demo")(demo.demo)
app.command("report")(show.report)
app.command("weights")(show.weights)
app.add_typer(skills.app, name="skills")
app.add_typer(adapters.app, name="adapters")
app.add_typer(sandbox.app, name="sandbox")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"journeyman {version('journeyman')}")
        except PackageNotFoundError:
            print("journeyman (run from a checkout that is not installed)")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    model: Model = None,
    workspace: Workspace = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Do it once with a language model; keep it as tested code.

    Without a command: an interactive session.
    """
    context.obj = Common(model, workspace)
    if context.invoked_subcommand is None:
        from .options import settings_of
        from .repl import repl

        raise typer.Exit(repl(settings_of(context)))
