"""The daemon's command line: ``prismd serve | check | init | migrate | verify | detect | fake``.

Exit codes: 0 ok, 1 unexpected, 2 usage or configuration, 3 storage refused or failed, 4 already
running on this data directory, 8 a check found something wrong. Each command imports what it needs
when it runs, so that the others start fast.
"""

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prismd import __version__
from prismd.kernel.errors import AlreadyRunning, ConfigError, StorageBroken, StorageRefused

if TYPE_CHECKING:
    from prismd.store.datadir import DataDir

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_CONFIG = 2
EXIT_CHECK_FAILED = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o077)
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except ConfigError as error:
        for problem in error.problems:
            print(f"prismd: {problem}", file=sys.stderr)
        return error.exit_code
    except (StorageRefused, StorageBroken, AlreadyRunning) as error:
        print(f"prismd: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_OK
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prismd", description="The Prism gateway daemon.")
    parser.add_argument("--version", action="version", version=f"prismd {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the gateway")
    serve.add_argument("--config", type=Path, metavar="FILE", help="prism.yaml, or a directory")
    serve.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default 8080)")
    _data_dir(serve)
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check", help="check a configuration; exit 0 or 2")
    check.add_argument("file", type=Path, metavar="FILE", help="prism.yaml, or a directory")
    _data_dir(check)
    check.set_defaults(run=_check)

    init = commands.add_parser("init", help="make the data directory, admin token and master key")
    _data_dir(init)
    init.set_defaults(run=_init)

    migrate = commands.add_parser("migrate", help="bring the databases to this version's schema")
    migrate.add_argument("--plan", action="store_true", help="only say what would be done")
    _data_dir(migrate)
    migrate.set_defaults(run=_migrate)

    verify = commands.add_parser(
        "verify", help="recompute the ledger while no daemon runs; exit 8 if a row is wrong"
    )
    _data_dir(verify)
    verify.set_defaults(run=_verify)

    detect = commands.add_parser("detect", help="print a configuration for what is found here")
    detect.add_argument("--no-local", action="store_true", help="do not look for local servers")
    detect.add_argument("--skip-port", type=int, metavar="PORT", help="a port that is our own")
    detect.set_defaults(run=_detect)

    fake = commands.add_parser(
        "fake",
        help="run the fake vendor as a server of its own",
        description="The fake vendor as a server: it speaks the dialects of OpenAI (chats and text "
        "completions), Anthropic, Google, Bedrock and Cohere, and is told in the model's name how "
        "to behave: fake/lorem+rate=50, fake/tools+calls=2, fake/echo+status=429+retry-after=2.",
    )
    fake.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)"
    )
    fake.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    fake.add_argument("--record", type=Path, metavar="FILE", help="write a line per request")
    fake.set_defaults(run=_fake)
    return parser


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where all state lives")


def _flags(args: argparse.Namespace) -> Mapping[tuple[str, ...], object]:
    given = {
        ("server", "host"): getattr(args, "host", None),
        ("server", "port"): getattr(args, "port", None),
        ("server", "data_dir"): getattr(args, "data_dir", None),
    }
    return {path: value for path, value in given.items() if value is not None}


def _serve(args: argparse.Namespace) -> int:
    gc.disable()  # until the daemon is loaded: all that is made now stays
    import uvloop  # noqa: PLC0415

    from prismd import daemon  # noqa: PLC0415
    from prismd.config.load import load  # noqa: PLC0415

    uvloop.run(daemon.run(partial(load, args.config, overrides=_flags(args))))
    return EXIT_OK


def _check(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from prismd.config.load import load  # noqa: PLC0415
    from prismd.kernel.outbound import Outbound  # noqa: PLC0415
    from prismd.kernel.secret import ADMIN_PREFIX, new_token  # noqa: PLC0415
    from prismd.metering.overrides import PriceOverrides  # noqa: PLC0415
    from prismd.snapshot import build  # noqa: PLC0415

    async def check() -> None:
        outbound = Outbound()
        try:
            # Whether ``init`` has been run is not a matter of the file.
            build(
                loaded,
                outbound=outbound,
                overrides=PriceOverrides(),
                own_admin_token=new_token(ADMIN_PREFIX),
            )
        finally:
            await outbound.aclose()

    loaded = load(args.file, overrides={})
    asyncio.run(check())
    print(f"{args.file}: ok ({loaded.hash[:12]})")
    return EXIT_OK


def _init(args: argparse.Namespace) -> int:
    data_dir = _opened_data_dir(args)
    data_dir.create()
    token = data_dir.ensure_secrets()
    print(f"data directory: {data_dir.path}")
    print(f"master key:     {data_dir.master_key_file} (keep a copy in a safe place)")
    print(f"admin token:    {data_dir.admin_token_file}")
    if token is not None:
        print(f"\n{token.reveal()}")
    return EXIT_OK


def _migrate(args: argparse.Namespace) -> int:
    from prismd.store.migrate import migrate, plan, shipped  # noqa: PLC0415

    data_dir = _opened_data_dir(args)
    data_dir.check()
    lock = None if args.plan else data_dir.lock()
    step = plan if args.plan else migrate
    verb = "to apply" if args.plan else "applied"
    for name, path in (("state", data_dir.state_db), ("traffic", data_dir.traffic_db)):
        steps = step(path, shipped(name))
        for one in steps:
            print(f"{path.name}: {verb}: {one.name}")
        if not steps:
            print(f"{path.name}: up to date")
    if lock is not None:
        os.close(lock)
    return EXIT_OK


def _verify(args: argparse.Namespace) -> int:
    from prismd.store.migrate import plan, shipped  # noqa: PLC0415
    from prismd.store.verify import verify_alone  # noqa: PLC0415

    data_dir = _opened_data_dir(args)
    data_dir.check()
    lock = data_dir.lock()
    try:
        if missing := plan(data_dir.state_db, shipped("state")):
            msg = f"{data_dir.state_db} lacks the schema step {missing[0].name}: prismd migrate"
            raise StorageRefused(msg)
        report = verify_alone(data_dir.state_db, data_dir.master_key())
    finally:
        os.close(lock)
    for name, count in report.checked.items():
        print(f"{name.replace('_', ' ')}: {count}")
    if report.unchecked:
        print(f"rows from before there were checksums: {report.unchecked}")
    for fault in report.faults:
        print(f"prismd: {fault.table} {fault.id}: {fault.reason}", file=sys.stderr)
    print("the ledger is not sound" if report.faults else "the ledger is sound")
    return EXIT_CHECK_FAILED if report.faults else EXIT_OK


def _opened_data_dir(args: argparse.Namespace) -> "DataDir":
    from prismd.config.load import load  # noqa: PLC0415
    from prismd.store.datadir import DataDir  # noqa: PLC0415

    return DataDir(load(None, overrides=_flags(args)).config.server.data_path())


def _detect(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from prismd.providers.detect import detect  # noqa: PLC0415

    skipped = () if args.skip_port is None else (args.skip_port,)
    probe_local = not args.no_local
    text = asyncio.run(detect(os.environ, probe_local=probe_local, skip_ports=skipped))
    print(text, end="")
    return EXIT_OK


def _fake(args: argparse.Namespace) -> int:
    from prismd.providers.fake.server import run  # noqa: PLC0415

    run(args.host, args.port, args.record)
    return EXIT_OK
