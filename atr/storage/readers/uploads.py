# SPDX-License-Identifier: Apache-2.0
"""What an upload would send, as its page shows it: by package, counted, never more lines than somebody reads. Pure."""

import collections
from typing import Final

import atr.models.upload_views as upload_views
import atr.shared.distribution as distribution
import atr.storage.uploads as uploads

# As many files as one page lists; a package may go on from one page to the next.
LINES: Final = 200


def view(plan: uploads.Plan, page: int = 1) -> upload_views.Upload | None:
    """A page of the files that would be sent, and what all of them come to; None where it cannot be told."""
    upload = plan.upload
    if (not plan.files) or (upload is None):
        return None
    count: collections.Counter[distribution.Coordinates] = collections.Counter()
    size: collections.Counter[distribution.Coordinates] = collections.Counter()
    for file in plan.files.values():
        count[file.package] += 1
        size[file.package] += file.size
    pages = -(-len(plan.files) // LINES)
    page = min(max(page, 1), pages)
    listed: dict[distribution.Coordinates, list[upload_views.Line]] = collections.defaultdict(list)
    for where, file in list(plan.files.items())[(page - 1) * LINES : page * LINES]:
        listed[file.package].append(upload_views.Line(where.rpartition("/")[2], file.here, file.size))
    return upload_views.Upload(
        files=len(plan.files),
        made=upload.made,
        size=upload.size,
        packages=len(count),
        limit=plan.limit,
        may_be_too_large=upload.certain <= plan.limit < upload.size,
        listed=tuple(
            upload_views.Package(str(package), count[package], size[package], tuple(lines))
            for package, lines in listed.items()
        ),
        page=page,
        pages=pages,
    )
