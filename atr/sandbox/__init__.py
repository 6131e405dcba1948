# SPDX-License-Identifier: Apache-2.0
"""Simulated platforms for the demo and the tests. They use real HTTP, have real state, and fail on request.

The layout is that of `atr.platforms`. The code that all platforms share is here: `gate` wraps the handlers, counts
every request (`traffic`) and applies the `faults` by the table in `endpoints`; `core` has the clock and the settings;
`world` has the state of each platform and keeps it in a `store`; `control` controls the sandbox over HTTP; `server`
binds it all to 127.0.0.1. Each platform that accepts uploads has a folder: in `central_portal`, `portal` advances
deployments by the clock, `validation` (with `bundle` and `pom`) validates an upload, `public` has the public files,
`api`, `repository` and `pages` answer requests, and `knobs` change a deployment without a client's request. Each
registry that is only read is a module; their versions are in `shelf`, their pages for people in `registries`.
"""
