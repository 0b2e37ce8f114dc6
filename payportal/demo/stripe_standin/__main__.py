"""`python -m payportal.demo.stripe_standin`: the stand-in as a process of its own.

Secrets come from the environment, never from the command line, which everybody can read.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from payportal.demo.stripe_standin.api import ApiKeys
from payportal.demo.stripe_standin.journal import JournalError
from payportal.demo.stripe_standin.server import StandIn, WebhookEndpoint


def arguments() -> argparse.ArgumentParser:
    """The command line; the `-env` options name the variables that hold the secrets."""
    parser = argparse.ArgumentParser(prog="python -m payportal.demo.stripe_standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 takes any free port")
    parser.add_argument("--journal", type=Path, help="keep everything in this file")
    parser.add_argument("--webhook-url", help="where events are sent")
    parser.add_argument("--webhook-secret-env", default="STRIPE_WEBHOOK_SECRET", metavar="NAME")
    parser.add_argument("--secret-key-env", default="STRIPE_SECRET_KEY", metavar="NAME")
    parser.add_argument("--publishable-key-env", default="STRIPE_PUBLISHABLE_KEY", metavar="NAME")
    parser.add_argument("--debit-seconds", type=float, default=30.0, help="when a bank debit is answered")
    return parser


def built(options: argparse.Namespace) -> StandIn:
    """The stand-in as asked for. Raises ValueError for keys that are missing or live."""
    secret, publishable = (os.environ.get(name, "") for name in (options.secret_key_env, options.publishable_key_env))
    signing = os.environ.get(options.webhook_secret_env, "")
    if options.webhook_url and not signing:
        raise ValueError(f"{options.webhook_secret_env} is not set, so webhooks can't be signed.")
    standin = StandIn(
        options.journal,
        WebhookEndpoint(options.webhook_url, signing),
        keys=ApiKeys(secret, publishable),
        address=(options.host, options.port),
    )
    standin.switches.debit_seconds = options.debit_seconds
    return standin


def main() -> int:
    """Run until SIGTERM or Ctrl-C."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        standin = built(arguments().parse_args())
        url = standin.start()
    except (ValueError, JournalError, OSError) as error:
        print(f"The stand-in for Stripe can't start: {error}", file=sys.stderr)
        return 1
    print(f"Stand-in for Stripe at {url}", flush=True)
    stopped.wait()
    standin.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
