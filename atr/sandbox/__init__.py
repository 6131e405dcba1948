# SPDX-License-Identifier: Apache-2.0
"""Stand-in platforms for the demo and the tests. They speak real HTTP, keep real state, and fail on request.

Laid out as `atr.platforms` is. What all platforms share stands here: `gate` stands in front of the handlers, counts
every request (`traffic`) and applies the `faults` by the one table in `endpoints`; `core` holds the clock and the
settings; `world` holds each platform's state and keeps it in a `store`; `control` gives orders and answers questions;
`server` binds it all to 127.0.0.1. Each platform that takes uploads has a folder: in `central_portal`, `portal` moves
deployments by the clock, `validation` (with `bundle` and `pom`) judges an upload, `public` holds the public files,
`api`, `repository` and `pages` answer requests, and `knobs` change a deployment behind a client's back. Each registry
that is only read is a module; their versions are in `shelf`, their pages for people in `registries`.
"""
