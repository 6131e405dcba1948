# SPDX-License-Identifier: Apache-2.0
"""Our application as an operator runs it, outside sandbox mode, with a provider and browsers."""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import shutil
import time
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any, Final

import quart

import atr.config as config
import atr.db.session as session
import atr.demo.people as people
import atr.server as server
import atr.storage as storage
import atr.storage.transaction as transaction
from tests import world as worlds
from tests.identity import provider as providers
from tests.web import house as houses

OURS: Final = "https://atr.example.org"
IN: Final = "Signed in as"


@dataclasses.dataclass
class Ground:
    """Our application outside sandbox mode, the provider, and the clock of both."""

    app: quart.Quart
    provider: providers.Provider
    clock: worlds.Clock

    def browser(self) -> "Browser":
        """A browser of its own."""
        return Browser(self)


class Browser:
    """What a person's browser does: it keeps our cookies, and goes where it is led."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.client = ground.app.test_client()

    async def get(self, path: str) -> houses.Answer:
        """Look at a page of ours, by https as its proxy speaks it."""
        return await houses.Answer.of(await self.client.get(path, scheme="https"))

    async def begin(self, **query: str) -> str:
        """Follow the link on the sign-in page: where it leads."""
        answer = await self.get(f"/sign-in/begin?{urllib.parse.urlencode(query)}")
        assert answer.status == 303, answer.text
        return answer.headers["location"]

    async def visit(self, address: str) -> str:
        """Sign in at the provider: the path that it leads back to."""
        back = await asyncio.to_thread(self.ground.provider.visit, address)
        assert back.startswith(f"{OURS}/sign-in/return?")
        return back.removeprefix(OURS)

    async def sign_in(self, **query: str) -> houses.Answer:
        """All of it."""
        return await self.get(await self.visit(await self.begin(**query)))

    async def is_signed_in(self) -> bool:
        """Whether our pages know somebody."""
        return IN in (await self.get("/releases")).text


@contextlib.asynccontextmanager
async def opened(
    state_dir: pathlib.Path,
    migrated: pathlib.Path,
    provider: providers.Provider,
    *,
    stands: bool = True,
    **settings: Any,
) -> AsyncIterator[Ground]:
    """The application as an operator runs it, with this provider, and a clock that stands or is the machine's."""
    shutil.copy(migrated, state_dir / "atr.db")
    secret = state_dir / "client-secret"
    secret.write_text(f"{providers.SECRET}\n")
    clock = worlds.Clock(datetime.datetime.fromtimestamp(time.time(), datetime.UTC))
    provider.clock = clock.seconds
    rows = session.Database(f"sqlite+aiosqlite:///{state_dir / 'atr.db'}", clock if stands else None)
    store = storage.Storage(rows, transaction.Place(state_dir))
    await people.settle_in(store, ("org.example.widgets",))
    known = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": providers.CLIENT,
        "oidc_client_secret_file": secret,
        "oidc_claim": "preferred_username",
    }
    given = settings or known
    try:
        made = config.WebSettings(state_dir=state_dir, **{"public_url": f"{OURS}/", **given})
        yield Ground(server.create_app(made, store), provider, clock)
    finally:
        await rows.close()
