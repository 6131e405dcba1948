// SPDX-License-Identifier: Apache-2.0
// A provider written by others (panva's oidc-provider), with one client and its own pages for signing in.
// Arguments: its folder, its port, the client's secret, where it leads back to.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, secret, back] = process.argv.slice(2);
const entry = createRequire(`${folder}/`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(entry));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "atr", client_secret: secret, redirect_uris: [back] }],
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  cookies: { keys: ["of-the-test"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
