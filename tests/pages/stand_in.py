# SPDX-License-Identifier: Apache-2.0
"""What atr/template.py gives the templates, in the smallest form that renders them: no application, no database."""

import dataclasses
import datetime
import functools
import itertools
import pathlib
import urllib.parse
from typing import Any, Final

import jinja2
import markupsafe

import atr.pages.views as views
import atr.reasons as reasons
import atr.shared.distribution as distribution
import atr.shared.mechanisms as mechanisms
import atr.storage.uploads as uploads
from tests.pages import admin_samples, compose_samples, policy_samples, samples, vote_samples

ROOT: Final = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES: Final = ROOT / "templates"
STATIC: Final = ROOT / "atr" / "static"

# What is a piece of a page.
FRAGMENTS: Final = ("row-", "count-")
AGAIN: Final = "/sign-in?again=yes&return_to=/distribution/promote/example-widgets/2.4.0"
CSRF: Final = markupsafe.Markup('<input type="hidden" name="csrf_token" value="of-the-test">')

# Names of routes and their paths, as the handlers will have them.
ROUTES: Final = {
    "get.root.index": "/",
    "get.session.sign_in": "/sign-in",
    "get.session.begin": "/sign-in/begin",
    "post.session.sign_in_selected": "/sign-in",
    "get.session.listing": "/sessions",
    "post.session.listing": "/sessions",
    "post.session.sign_out": "/sign-out",
    "get.releases.listing": "/releases",
    "get.start.listing": "/start",
    "get.start.selected": "/start/{project_key}",
    "post.start.selected": "/start/{project_key}",
    "get.compose.selected": "/compose/{project_key}/{version_key}",
    "get.compose.change": "/compose/change/{project_key}/{version_key}",
    "post.compose.change_selected": "/compose/change/{project_key}/{version_key}",
    "post.upload.selected": "/upload/{project_key}/{version_key}",
    "get.revisions.selected": "/revisions/{project_key}/{version_key}",
    "get.finish.selected": "/finish/{project_key}/{version_key}",
    "get.finish.row": "/finish/{project_key}/{version_key}/row/{row_key}",
    "get.repository.root": "/repository/{project_key}/{version_key}/{digest}/",
    "get.repository.file": "/repository/{project_key}/{version_key}/{digest}/{path}",
    "get.policy.selected": "/policy/{project_key}",
    "post.policy.selected": "/policy/{project_key}",
    "post.policy.trial": "/policy/{project_key}/try",
    "get.target.listing": "/targets",
    "get.target.selected": "/target/{project_key}",
    "post.target.selected": "/target/{project_key}",
    "get.admin.stuck": "/admin/stuck",
    "get.admin.switches": "/admin/switches",
    "post.admin.switches": "/admin/switches",
    "get.readiness.panel": "/readiness/{project_key}/{version_key}",
    "post.readiness.check_now": "/readiness/{project_key}/{version_key}",
    "get.voting.selected": "/voting/{project_key}/{version_key}",
    "get.vote.selected": "/vote/{project_key}/{version_key}",
    "get.vote.count": "/vote/{project_key}/{version_key}/count",
    "get.resolve.selected": "/resolve/{project_key}/{version_key}",
    "get.abandon.selected": "/abandon/{project_key}/{version_key}",
    "get.embargo.selected": "/embargo/{project_key}/{version_key}",
    "post.embargo.selected": "/embargo/{project_key}/{version_key}",
    "get.announce.selected": "/announce/{project_key}/{version_key}",
    "post.voting.selected": "/voting/{project_key}/{version_key}",
    "post.voting.ballot": "/voting/ballot/{project_key}/{version_key}",
    "post.vote.selected_post": "/vote/{project_key}/{version_key}",
    "post.resolve.selected": "/resolve/{project_key}/{version_key}",
    "post.abandon.selected": "/abandon/{project_key}/{version_key}",
    "post.announce.selected": "/announce/{project_key}/{version_key}",
    "get.distribution.list_get": "/distribution/list/{project_key}/{version_key}",
    "get.distribution.record": "/distribution/record/{project_key}/{version_key}",
    "get.distribution.stage_record": "/distribution/stage/record/{project_key}/{version_key}",
    "get.distribution.automate": "/distribution/automate/{project_key}/{version_key}",
    "get.distribution.stage_automate": "/distribution/stage/automate/{project_key}/{version_key}",
    "get.distribution.promote": "/distribution/promote/{project_key}/{version_key}",
    "get.distribution.search": "/distribution/search/{project_key}/{version_key}/{row_key}",
    "post.distribution.search_selected": "/distribution/search/{project_key}/{version_key}",
    "get.distribution.promote_all": "/distribution/promote-all/{project_key}/{version_key}",
    "post.distribution.promote_all_selected": "/distribution/promote-all/{project_key}/{version_key}",
    "get.distribution.detail": "/distribution/detail/{project_key}/{version_key}/{row_key}",
    "post.distribution.record_selected": "/distribution/record/{project_key}/{version_key}",
    "post.distribution.stage_record_selected": "/distribution/stage/record/{project_key}/{version_key}",
    "post.distribution.automate_selected": "/distribution/automate/{project_key}/{version_key}",
    "post.distribution.stage_automate_selected": "/distribution/stage/automate/{project_key}/{version_key}",
    "post.distribution.promote_selected": "/distribution/promote/{project_key}/{version_key}",
    "get.distribution.stage_again": "/distribution/stage/again/{project_key}/{version_key}/{digest}",
    "post.distribution.stage_again_selected": "/distribution/stage/again/{project_key}/{version_key}/{digest}",
    "post.distribution.delete": "/distribution/delete/{project_key}/{version_key}",
    "post.distribution.act": "/distribution/act/{project_key}/{version_key}/{row_key}",
}


def url(route: str, **values: object) -> str:
    """Path and query; a value that the path does not name goes into the query."""
    path = ROUTES[route]
    quoted = {name: urllib.parse.quote(str(value), safe="") for name, value in values.items()}
    rest = {name: value for name, value in quoted.items() if f"{{{name}}}" not in path}
    query = "&".join(f"{name}={value}" for name, value in rest.items())
    return path.format(**quoted) + (f"?{query}" if query else "")


def _time(at: datetime.datetime, text: str) -> markupsafe.Markup:
    return markupsafe.Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


def when(at: datetime.datetime) -> markupsafe.Markup:
    return _time(at, at.strftime("%a %-d %b %Y, %H:%M:%S UTC"))


def when_short(at: datetime.datetime) -> markupsafe.Markup:
    return _time(at, at.strftime("%-d %b, %H:%M"))


def clock(at: datetime.datetime) -> markupsafe.Markup:
    return _time(at, at.strftime("%H:%M"))


def size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if (value < 1000) or (unit == "GB"):
            return f"{value:.1f} {unit}" if (value < 10) and (unit != "B") else f"{value:.0f} {unit}"
        value /= 1000
    return ""


def short_hash(value: str) -> markupsafe.Markup:
    template = markupsafe.Markup('<code class="hash">{}<span aria-hidden="true">{}</span></code>')
    return template.format(value[:12], value[12:])


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def row_key(row: views.DeploymentView) -> str:
    return f"p{row.promotion_id}" if row.deployment_id is None else f"d{row.deployment_id}"


# Compiled once: the templates do not change while the tests run.
@functools.cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=True
    )
    made.globals.update(
        url=url,
        static=lambda name: f"/static/{name}",
        absolute=lambda path: f"https://releases.example.org{path}",
        csrf=lambda: CSRF,
        session_user="committee-member",
        page_address="/finish/example-widgets/2.4.0",
        session_role="member of the Example committee",
        sign_in_again="",
        sandbox_mode=False,
        sandbox_url="",
        flashes=[],
    )
    made.filters.update(
        when=when,
        when_short=when_short,
        clock=clock,
        size=size,
        hash=short_hash,
        count=counted,
        row_key=row_key,
    )
    return made


@functools.cache
def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every page in every variant: its name, its template, and what the handler gives it."""
    form: dict[str, Any] = {"values": {}, "field_errors": {}}
    wrong = {"version": "Type 2.4.0, not 2.4.", "platform": "Choose a value from the list."}
    refused_files = samples.files()
    made: dict[str, tuple[str, dict[str, Any]]] = {
        **compose_samples.pages(),
        "sign-in": ("sign_in.html", {"choices": [], "return_to": "/", "provider": "", "again": ""}),
        "sign-in-at": (
            "sign_in.html",
            {"choices": [], "return_to": "/", "provider": "id.example.org", "again": "", "session_user": ""},
        ),
        "sign-in-again": (
            "sign_in.html",
            {"choices": [], "return_to": "/", "provider": "id.example.org", "again": "yes"},
        ),
        "sign-in-sandbox": (
            "sign_in.html",
            {
                "choices": [
                    ("committee-member", "Member of the Example committee: may promote."),
                    ("release-manager", "Release manager of Example Widgets: may stage and request."),
                    ("stranger", "Nobody in particular: may look."),
                ],
                "return_to": "/finish/example-widgets/2.4.0",
                "provider": "",
                "again": "",
                "session_user": "",
                "session_role": "",
                "sandbox_mode": True,
                "sandbox_url": "http://127.0.0.1:8081/",
            },
        ),
        "sessions": ("sessions.html", {"sessions": samples.sessions(), "here": "1" * 64}),
        "error": (
            "error.html",
            {
                "status": 409,
                "title": "The row has moved on",
                "message": "Somebody else promoted it 12 seconds ago, so nothing was sent for your click.",
                "next_steps": [("See where it stands", "/finish/example-widgets/2.4.0"), ("Releases", "/releases")],
                "reasons": [reasons.of("policy", platform="Maven Central")],
                "request_id": "3f9d7a565b08",
            },
        ),
        "error-plain": (
            "error.html",
            {
                "status": 404,
                "title": "Not found",
                "message": "Page not found.",
                "next_steps": [],
                "reasons": [],
                "request_id": "3f9d7a565b08",
            },
        ),
        "releases": ("releases.html", {"view": samples.releases()}),
        "releases-empty": ("releases.html", {"view": samples.releases(lines=())}),
        "releases-starting": ("releases.html", {"view": samples.releases(lines=(), may_start=True)}),
        "finish": ("finish.html", {"view": samples.finish()}),
        "finish-empty": (
            "finish.html",
            {
                "view": samples.finish(
                    rows=(),
                    missing=(),
                    others=(),
                    vote_passed_at=None,
                    voted_revision="",
                    ballot_digest="",
                    phase_word="Compose",
                    css="draft",
                    sentence="Nothing is staged yet.",
                    record_why_not="Only the committee and its release managers may record.",
                )
            },
        ),
        "finish-done": (
            "finish.html",
            {
                "view": samples.finish(
                    rows=(samples.live(),),
                    missing=(),
                    others=(),
                    announce_why_not="",
                    css="live",
                    sentence="The deployment is live.",
                ),
                "flashes": [
                    ("success", "Requested. We prove the files once more and send then."),
                    ("error", "That reason is too long; nothing was changed."),
                    ("warning", "The worker has not been seen for 2 minutes."),
                ],
                "sandbox_mode": True,
                "sandbox_url": "http://127.0.0.1:8081/",
            },
        ),
        "finish-announced": (
            "finish.html",
            {
                "view": samples.finish(
                    phase_word="Announced",
                    announce_why_not="The release has already been announced.",
                    announced=samples.announced_without(),
                    binding_minus=1,
                )
            },
        ),
        "finish-lacking": (
            "finish.html",
            {
                "view": samples.finish(
                    rows=(samples.live(),),
                    missing=(
                        samples.missing(
                            css="warning",
                            what=f"{samples.not_public().name} is not public.",
                            note=samples.not_public().sentence,
                        ),
                    ),
                    announce_why_not="",
                    announce_needs_reason=True,
                    announce_note=f"Voted on and not public: {samples.not_public().name}.",
                )
            },
        ),
        "finish-every-state": (
            "finish.html",
            {
                "view": samples.finish(
                    rows=tuple(
                        dataclasses.replace(row, deployment_id=None if row.by_hand else number, promotion_id=number)
                        for number, row in enumerate(samples.rows().values(), start=1)
                    ),
                    missing=(),
                )
            },
        ),
        "list": ("distribution/list.html", {"view": samples.listing(), **form}),
        "again": ("distribution/again.html", {"view": samples.again()}),
        "again-not-now": (
            "distribution/again.html",
            {"view": samples.again(files=3000, source="", why_not="ATR has no copy of the voted files.")},
        ),
        "folder": ("repository/folder.html", {"view": samples.folder()}),
        "folder-top": ("repository/folder.html", {"view": samples.folder(path="", total=1200)}),
        "list-empty": (
            "distribution/list.html",
            {
                "view": samples.listing(distributions=(), deployments=(), change_why_not="Only the committee may."),
                **form,
            },
        ),
        "record": ("distribution/record.html", {"view": samples.form(), "staging": False, **form}),
        "record-staging": ("distribution/record.html", {"view": samples.form(), "staging": True, **form}),
        "record-wrong": (
            "distribution/record.html",
            {
                "view": samples.form(),
                "staging": True,
                "values": {"platform": "MAVEN", "package": "widgets", "version": "2.4"},
                "field_errors": {
                    **wrong,
                    "deployment_id": "Maven Central knows no such deployment.",
                    "": "The form was too old.",
                },
            },
        ),
        "record-not-now": (
            "distribution/record.html",
            {"view": samples.form(why_not="The release is announced."), "staging": False, **form},
        ),
        "automate-staging": (
            "distribution/automate.html",
            {"view": samples.form(platforms=samples.form().platforms[:1]), "staging": True, "field_errors": {}},
        ),
        "automate": ("distribution/automate.html", {"view": samples.form(), "staging": False, "field_errors": wrong}),
        "automate-many": (
            "distribution/automate.html",
            {
                "view": samples.form(upload=samples.upload(60, files=4_800, packages=2_400, page=2, pages=24)),
                "staging": True,
                "field_errors": {},
            },
        ),
        "automate-too-large": (
            "distribution/automate.html",
            {
                "view": samples.form(
                    upload=samples.upload(3, size=1_301_000_000),
                    why_not=uploads.too_large(samples.PORTAL, 1_300_000_512).sentence,
                ),
                "staging": True,
                "field_errors": {},
            },
        ),
        "automate-may-not-fit": (
            "distribution/automate.html",
            {
                "view": samples.form(upload=samples.upload(3, size=1_301_000_000, may_be_too_large=True)),
                "staging": False,
                "field_errors": {},
            },
        ),
        "automate-not-now": (
            "distribution/automate.html",
            {
                "view": samples.form(
                    upload=None,
                    mapping=(),
                    target_namespaces=(),
                    why_not="“dist/x.jar” does not parse as Maven's layout.",
                ),
                "staging": True,
                "field_errors": {},
            },
        ),
        "confirm": ("distribution/confirm.html", {"row": samples.row(), **form}),
        "confirm-stale": ("distribution/confirm.html", {"row": samples.row(), "sign_in_again": AGAIN, **form}),
        "confirm-code": (
            "distribution/confirm.html",
            {
                "row": samples.row(
                    platform=distribution.DistributionPlatform.NPM, mechanism=mechanisms.Mechanism.NPM_STAGE
                ),
                "values": {"version": "2.4", "code": "123456"},
                "field_errors": wrong,
            },
        ),
        "confirm-wrong": (
            "distribution/confirm.html",
            {"row": samples.row(), "values": {"version": "2.4"}, "field_errors": wrong},
        ),
        "confirm-blocked": ("distribution/confirm.html", {"row": samples.requested(), **form}),
        "confirm-off": (
            "distribution/confirm.html",
            {
                "row": samples.row(
                    acts=(samples.act("promote", "Promote…", why_not="Only committee members can do this."),)
                ),
                **form,
            },
        ),
        "detail-empty": (
            "distribution/detail.html",
            {"view": samples.detail(row=samples.unread(), files=(), timeline=()), **form},
        ),
        "detail-cut": ("distribution/detail.html", {"view": samples.detail(files_cut=True, files_total=3000), **form}),
    }
    made |= {
        "promote-all": ("distribution/promote_all.html", {"view": samples.promote_all(), **form}),
        "promote-all-stale": (
            "distribution/promote_all.html",
            {"view": samples.promote_all(), "sign_in_again": AGAIN, **form},
        ),
        "promote-all-wrong": (
            "distribution/promote_all.html",
            {
                "view": samples.promote_all(),
                "values": {"order-4": "1", "order-5": "1", "version": "2.4"},
                "field_errors": {"order-5": "The number 1 is used twice. Use each number once.", **wrong},
            },
        ),
        "promote-all-none": (
            "distribution/promote_all.html",
            {"view": samples.promote_all(rows=(), why_not="No deployment is ready to be promoted.", undo=()), **form},
        ),
        **{f"search-{name}": ("distribution/search.html", {"view": view}) for name, view in samples.searches().items()},
        "finish-several": ("finish.html", {"view": samples.finish(promote_all=True, rows=samples.several())}),
        "detail-wrong": (
            "distribution/detail.html",
            {
                "view": samples.detail(row=samples.waiting()),
                "values": {"act": "go_on", "reason": ""},
                "field_errors": {"reason": "Enter a reason of at most 500 characters."},
            },
        ),
        "detail-lost-wrong": (
            "distribution/detail.html",
            {
                "view": samples.detail(
                    row=samples.unread(acts=(samples.act("settle_lost", "Resolve the lost upload", needs_reason=True),))
                ),
                "values": {"act": "settle_lost", "reason": "it is there", "external_id": "nonsense"},
                "field_errors": {"external_id": "“nonsense” is no deployment id."},
            },
        ),
        "detail-verified": (
            "distribution/detail.html",
            {
                "view": samples.detail(
                    row=samples.rows()["verified-differs"], files=refused_files, staged_read_at=samples.ago(3)
                ),
                **form,
            },
        ),
    }
    made |= vote_samples.pages()
    for name, row in samples.rows().items():
        files = refused_files if (name in {"refused", "diverged"}) else samples.detail().files
        made[f"detail-{name}"] = ("distribution/detail.html", {"view": samples.detail(row=row, files=files), **form})
        made[f"row-{name}"] = ("finish/row.html", {"row": row})
    made |= _policies()
    for name, panel in samples.panels().items():
        made[f"row-readiness-{name}"] = ("readiness.html", {"panel": panel, "home": "/finish/example-widgets/2.4.0"})
        made[f"finish-readiness-{name}"] = ("finish.html", {"view": samples.finish(readiness=panel)})
    return made


def _policies() -> dict[str, tuple[str, dict[str, Any]]]:
    """The policy, the mapping tried, and the names."""
    policy: dict[str, Any] = {"values": None, "field_errors": {}, "moved": "", "trial": policy_samples.trial()}
    target: dict[str, Any] = {"values": None, "field_errors": {}, "moved": "", "outside": ()}
    moved = "Somebody changed it after you opened this page, so nothing was saved."
    typed = {"min_hours": "x", "mapping_mavencentral": "[maven", "namespaces": "org..x", "platform": "MAVEN"}
    admin = {"session_role": "foundation admin"}
    return {
        "policy": ("policy.html", {"view": policy_samples.policy(), **policy}),
        "policy-stranger": (
            "policy.html",
            {
                "view": policy_samples.policy(may_try=False, edit_why_not="Only members can.", changes=()),
                **policy,
                "trial": policy_samples.trial(platforms=(), files=0, sentence="No release is on its way."),
            },
        ),
        "policy-committer": (
            "policy.html",
            {"view": policy_samples.policy(edit_why_not="Only members can.", releases=()), **policy},
        ),
        "policy-wrong": (
            "policy.html",
            {
                "view": policy_samples.policy(),
                **policy,
                "values": typed,
                "field_errors": {
                    "min_hours": "Enter a whole number of hours.",
                    "mapping_mavencentral": "“[maven” is not a valid pattern.",
                },
            },
        ),
        "policy-moved": ("policy.html", {"view": policy_samples.policy(), **policy, "values": typed, "moved": moved}),
        "row-trial": ("policy/trial.html", {"trial": policy_samples.trial(), "field_errors": {}}),
        "target": ("target.html", {"view": policy_samples.target(), **target, **admin}),
        "target-stranger": (
            "target.html",
            {
                "view": policy_samples.target(edit_why_not="Only a foundation admin can.", changes=()),
                **target,
            },
        ),
        "target-wrong": (
            "target.html",
            {
                "view": policy_samples.target(),
                **target,
                **admin,
                "values": typed,
                "field_errors": {"namespaces": "Enter one or more groupIds."},
                "moved": moved,
                "outside": policy_samples.OUTSIDE,
            },
        ),
        **admin_samples.pages(admin),
        "targets": ("targets.html", {"view": policy_samples.targets(), **admin}),
        "targets-empty": ("targets.html", {"view": policy_samples.targets(lines=()), **admin}),
    }


def render(name: str, **changes: Any) -> str:
    template, context = pages()[name]
    return environment().get_template(template).render(**{**context, **changes})


def page_names(*, whole: bool = True) -> list[str]:
    """Every variant; with `whole` only those that are pages of their own, not fragments."""
    return [name for name in pages() if not (whole and name.startswith(FRAGMENTS))]


def by_template() -> dict[str, list[str]]:
    named = sorted((template, name) for name, (template, _) in pages().items())
    return {
        template: [name for _, name in group] for template, group in itertools.groupby(named, key=lambda pair: pair[0])
    }
