# SPDX-License-Identifier: Apache-2.0
"""The state of all platforms of one sandbox, kept on disk."""

import atr.errors as errors
import atr.sandbox.central_portal.portal as portal
import atr.sandbox.core as core
import atr.sandbox.shelf as shelf
import atr.sandbox.store as store


class World(core.Core):
    """The state that all platforms share, and that of each platform. Use it from one event loop only.

    Only the world uses `directory`. The deployments and public files of an earlier world there are restored, but not
    its accounts and settings, which must be given again, nor its faults and counters. Raises SettingsError if the
    directory has the state of something else.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.portal = portal.Portal(self)
        self.shelf = shelf.Shelf()
        self._store = self.directory / "world.json"
        if self._store.exists():
            snapshot = store.read(self._store)
            self.portal.deployments = {one.deployment_id: one for one in snapshot.deployments}
            self.portal.public.restore(snapshot.public_files, snapshot.public_components)
            self.shelf.restore(snapshot.shelf)

    def publish_version(self, registry: str, owner: str, package: str, version: str) -> None:
        """Make a version public on one of the registries.

        Raises InputError for an invalid name, ConflictError if it is already public.
        """
        if registry not in set(shelf.Registry):
            raise errors.InputError(f"The registry is one of {', '.join(shelf.Registry)}.")
        self.shelf.put(shelf.Version(shelf.Registry(registry), owner, package, version, self.now()))
        self.dirty = True

    def save(self) -> None:
        self.portal.advance()
        if self.dirty:
            store.write(
                self._store,
                store.Snapshot(
                    deployments=list(self.portal.deployments.values()),
                    public_files={path: file.since for path, file in self.portal.public.files.items()},
                    public_components=list(self.portal.public.components.items()),
                    shelf=self.shelf.all(),
                ),
            )
            self.dirty = False
