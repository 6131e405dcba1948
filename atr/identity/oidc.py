# SPDX-License-Identifier: Apache-2.0
"""Sign-in by OpenID Connect: the code flow with PKCE, state and nonce, at one provider.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
https://www.rfc-editor.org/rfc/rfc9700#section-2.1 (the requirements for clients since 2025)
"""

import asyncio
import base64
import dataclasses
import datetime
import hashlib
import hmac
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import joserfc.errors
import joserfc.jwk
import joserfc.jwt

import atr.config as config
import atr.errors as errors
import atr.identity.contract as contract
import atr.identity.http as http

# Asymmetric algorithms only. "none" signs nothing, and with HS256 our own secret, or a public key, would sign.
# https://www.rfc-editor.org/rfc/rfc8725#section-3.1
_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
_LEEWAY: Final = datetime.timedelta(seconds=60)
_KEPT_FOR: Final = datetime.timedelta(hours=1)
# The least time between two fetches of the keys because of tokens with an unknown key, and between two requests for the
# configuration of a provider that fails, however many people want to sign in.
_NOT_AGAIN_FOR: Final = datetime.timedelta(seconds=10)
# The end of the year 9999, the last one that datetime supports.
_FAR: Final = 253_402_300_799
_NEVER: Final = datetime.datetime.fromtimestamp(0, datetime.UTC)
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclasses.dataclass(frozen=True)
class Client:
    """The settings that the operator has agreed with the provider."""

    issuer: str
    client_id: str
    # Empty for a public client, which PKCE alone protects.
    secret: str = dataclasses.field(default="", repr=False)
    scopes: str = "openid"
    # The claim that is the user id.
    claim: str = "sub"
    # How old a sign-in at the provider may be, in general and for what cannot be undone.
    max_age: datetime.timedelta = datetime.timedelta(hours=8)
    fresh: datetime.timedelta = datetime.timedelta(minutes=10)


class OpenIDProvider:
    """One provider. Its configuration and its keys are cached for an hour."""

    def __init__(self, client: Client, clock: Callable[[], datetime.datetime]) -> None:
        self.name = urllib.parse.urlsplit(client.issuer).netloc
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: tuple[datetime.datetime, Mapping[str, Any]] | None = None
        self._failed: tuple[datetime.datetime, errors.PlatformError] | None = None
        self._keys: tuple[datetime.datetime, joserfc.jwk.KeySet] | None = None

    async def begin(self, back: str, *, again: bool) -> contract.Begun:
        """Return where to sign in. `max_age` has the provider report when the person signed in there."""
        metadata = await self._discovered()
        verifier, state, nonce = contract.random(), contract.random(), contract.random()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        max_age = self._client.fresh if again else self._client.max_age
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": back,
            "scope": self._client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "max_age": str(int(max_age.total_seconds())),
            **({"prompt": "login"} if again else {}),
        }
        where = str(metadata["authorization_endpoint"])
        address = f"{where}{'&' if '?' in where else '?'}{urllib.parse.urlencode(asked)}"
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "again": "yes" if again else ""}
        return contract.Begun(address, kept)

    async def finish(self, back: str, answer: Mapping[str, str], kept: Mapping[str, str]) -> contract.Proven:
        """Return the person who came back. Every claim is checked before any is used."""
        metadata = await self._discovered()
        code = contract.code_of(answer, kept)
        self._demand_issuer(answer, metadata)
        tokens = await self._exchange(metadata, code, back, kept.get("verifier", ""))
        claims = await self._claims(metadata, tokens.get("id_token"), kept.get("nonce", ""))
        at = self._proved_at(claims, again=bool(kept.get("again")))
        return contract.Proven(contract.checked_uid(await self._uid(metadata, claims, tokens)), at)

    def _demand_issuer(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Raise AccessError if the answer names another issuer: https://www.rfc-editor.org/rfc/rfc9207."""
        said = answer.get("iss")
        demanded = metadata.get("authorization_response_iss_parameter_supported") is True
        if (said is None and demanded) or (said is not None and said != self._client.issuer):
            raise errors.AccessError("This answer is not from the provider that was asked, so nobody is signed in.")

    async def _discovered(self) -> Mapping[str, Any]:
        """Return the provider's configuration: https://openid.net/specs/openid-connect-discovery-1_0.html."""
        async with self._lock:
            now = self._clock()
            if (self._metadata is not None) and (now - self._metadata[0] < _KEPT_FOR):
                return self._metadata[1]
            if self._failed and (now - self._failed[0] < _NOT_AGAIN_FOR):
                raise self._failed[1].with_traceback(None)
            try:
                address = f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration"
                found = await http.object_of("GET", address, f"The configuration of {self.name}", headers={})
                self._check(found)
            except errors.PlatformError as error:
                self._failed = now, error
                raise
            self._metadata = now, found
            return found

    def _check(self, found: Mapping[str, Any]) -> None:
        if found.get("issuer") != self._client.issuer:
            raise errors.MalformedError(
                f"{self.name} says that it is another issuer than ATR_OIDC_ISSUER names, so nobody can sign in by it. "
                "Ask the operators to compare the two, character by character."
            )
        for name in (*_ENDPOINTS, *({"userinfo_endpoint"} & found.keys())):
            if not config.is_safe_address(found.get(name), like=self._client.issuer):
                raise errors.MalformedError(f"{self.name} has no usable {name}. Tell the operators.")

    async def _exchange(self, metadata: Mapping[str, Any], code: str, back: str, verifier: str) -> Mapping[str, Any]:
        """Return the tokens for a code. The provider refuses one that was used, has expired, or is another client's."""
        ours, headers = self._client, dict[str, str]()
        data = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if ours.secret and ("client_secret_basic" in known):
            # https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
            pair = ":".join(urllib.parse.quote_plus(one) for one in (ours.client_id, ours.secret))
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            data |= {"client_id": ours.client_id, **({"client_secret": ours.secret} if ours.secret else {})}
        what = f"The answer of {self.name} to the code"
        return await http.object_of("POST", str(metadata["token_endpoint"]), what, data=data, headers=headers)

    async def _claims(self, metadata: Mapping[str, Any], token: object, nonce: str) -> Mapping[str, Any]:
        """Return a valid token's claims: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation."""
        if not isinstance(token, str):
            raise errors.AccessError(f"{self.name} sent no ID token, so nobody is signed in.")
        claims = await self._verified(metadata, token)
        now, ours = self._clock(), self._client.client_id
        audience = claims.get("aud")
        several = [audience] if isinstance(audience, str) else audience
        wrong = [
            name
            for name, holds in {
                "iss": claims.get("iss") == self._client.issuer,
                "sub": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
                "aud": isinstance(several, Sequence) and (ours in several),
                # The client that a token was issued to, which is required if it has several audiences.
                "azp": claims.get("azp", "" if isinstance(several, list) and len(several) > 1 else ours) == ours,
                "exp": _seconds(claims.get("exp")) > (now - _LEEWAY).timestamp(),
                "iat": 0 < _seconds(claims.get("iat")) < (now + _LEEWAY).timestamp(),
                "nbf": _seconds(claims.get("nbf", 0)) < (now + _LEEWAY).timestamp(),
                "nonce": bool(nonce) and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()),
            }.items()
            if not holds
        ]
        if wrong:
            raise errors.AccessError(
                f"The ID token of {self.name} is not valid ({', '.join(wrong)}), so nobody is signed in. Start again."
            )
        return claims

    async def _verified(self, metadata: Mapping[str, Any], token: str) -> Mapping[str, Any]:
        for anew in (False, True):
            keys = await self._key_set(metadata, anew=anew)
            try:
                claims: Mapping[str, Any] = joserfc.jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            except (joserfc.errors.InvalidKeyIdError, joserfc.errors.BadSignatureError):
                # The provider may have other keys by now.
                continue
            except (joserfc.errors.JoseError, ValueError, TypeError) as error:
                raise errors.AccessError(
                    f"The ID token of {self.name} cannot be verified ({type(error).__name__}), so nobody is signed in."
                ) from error
            return claims
        raise errors.AccessError(f"The ID token of {self.name} is signed by no key of it, so nobody is signed in.")

    async def _key_set(self, metadata: Mapping[str, Any], *, anew: bool) -> joserfc.jwk.KeySet:
        async with self._lock:
            now = self._clock()
            kept_for = _NOT_AGAIN_FOR if anew else _KEPT_FOR
            if (self._keys is None) or (now - self._keys[0] >= kept_for):
                what = f"The key set of {self.name}"
                found = await http.object_of("GET", str(metadata["jwks_uri"]), what, headers={})
                self._keys = now, joserfc.jwk.KeySet(_usable(found.get("keys")))
            return self._keys[1]

    def _proved_at(self, claims: Mapping[str, Any], *, again: bool) -> datetime.datetime:
        """Return when the person signed in at the provider; without `auth_time` a time that is never recent enough."""
        told = _seconds(claims.get("auth_time"))
        at = datetime.datetime.fromtimestamp(told, datetime.UTC) if told > 0 else _NEVER
        if again and (self._clock() - at > self._client.fresh + _LEEWAY):
            raise errors.AccessError(
                f"{self.name} did not have you sign in again (auth_time), so what cannot be undone stays closed. Sign "
                "out there and start again, or ask the operators."
            )
        return at

    async def _uid(self, metadata: Mapping[str, Any], claims: Mapping[str, Any], tokens: Mapping[str, Any]) -> object:
        """Return the claim that is the user id, from the token or else from the provider's user info."""
        name, where = self._client.claim, metadata.get("userinfo_endpoint")
        if (name in claims) or (where is None) or not isinstance(tokens.get("access_token"), str):
            return claims.get(name)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        told = await http.object_of("GET", str(where), f"The user info of {self.name}", headers=headers)
        if told.get("sub") != claims["sub"]:
            raise errors.AccessError(f"The user info of {self.name} is about somebody else, so nobody is signed in.")
        return told.get(name)


def _usable(keys: object) -> list[Any]:
    """Return the keys of a key set that can verify signatures here. A provider may have others too."""
    found = []
    for one in keys if isinstance(keys, list) else ():
        try:
            if one.get("kty") in {"RSA", "EC", "OKP"} and one.get("use", "sig") == "sig":
                found.append(joserfc.jwk.import_key(one))
        except (joserfc.errors.JoseError, AttributeError, KeyError, TypeError, ValueError):
            continue
    return found


def _seconds(value: object) -> float:
    """Return a claim's number of seconds; NaN for anything else, so that each comparison with it is false."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and (abs(value) < _FAR)
    return float(cast("float", value)) if known else float("nan")
