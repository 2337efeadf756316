"""S3 as far as the vault uses it, on a port of this machine: strict about signatures, and moody when told to be."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from aiohttp import web

ACCESS_KEY = "AKIATEST"
SECRET_KEY = "s3cr3t/with+signs"
REGION = "cn-test-1"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>(?P<day>[0-9]{8})/(?P<region>[^/]+)/s3/aws4_request), ?"
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_ALWAYS_SIGNED = {"host", "x-amz-date", "x-amz-content-sha256"}


class S3:
    """One bucket. `objects` is what lies in it; `asked` is every request that was let in."""

    def __init__(self, bucket: str = "papers") -> None:
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.busy = 0  # so many requests are answered 503 before the next is served
        self.versions = False
        self.url = ""  # where it listens
        self.page = 1000  # names in one answer to a listing

    def app(self) -> web.Application:
        """The server; paths are `/BUCKET/KEY`."""
        app = web.Application(client_max_size=80 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        refused = _refusal(request, body)
        if refused:
            return _error(403, refused)
        bucket, _, key = unquote(request.raw_path.partition("?")[0]).lstrip("/").partition("/")
        self.asked.append((request.method, key))
        if self.busy:
            self.busy -= 1
            return _error(503, "SlowDown")
        if bucket != self.bucket:
            return _error(404, "NoSuchBucket")
        match request.method:
            case "PUT" if key:
                return self._put(key, body)
            case "GET" if not key:
                return self._list(request.query)
            case "GET" | "HEAD":
                return self._get(key)
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
            case _:
                return _error(405, "MethodNotAllowed")

    def _put(self, key: str, body: bytes) -> web.Response:
        self.objects[key] = body
        headers = {"ETag": _tag(body)}
        if self.versions:
            headers["x-amz-version-id"] = "v1"
        return web.Response(headers=headers)

    def _get(self, key: str) -> web.Response:
        body = self.objects.get(key)
        if body is None:
            return _error(404, "NoSuchKey")
        headers = {"ETag": _tag(body), "Last-Modified": "Mon, 02 Mar 2026 01:00:00 GMT"}
        return web.Response(body=body, headers=headers, content_type="application/octet-stream")

    def _list(self, query: Mapping[str, str]) -> web.Response:
        if query.get("list-type") != "2":
            return _error(400, "InvalidArgument")
        after = query.get("continuation-token", "")
        names = [name for name in sorted(self.objects) if name.startswith(query.get("prefix", "")) and name > after]
        shown, more = names[: self.page], len(names) > self.page
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-03-02T01:00:00.000Z</LastModified>"
            f"<ETag>{escape(_tag(self.objects[name]))}</ETag><Size>{len(self.objects[name])}</Size></Contents>"
            for name in shown
        )
        following = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        text = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{following}{contents}</ListBucketResult>"
        )
        return web.Response(text=text, content_type="application/xml")


def _refusal(request: web.Request, body: bytes) -> str:
    """The code with which a request is turned away whose signature (AWS Signature Version 4) is not right; else ""."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        return "AccessDenied"
    if found["key"] != ACCESS_KEY:
        return "InvalidAccessKeyId"
    if "x-amz-security-token" in request.headers:
        return "InvalidToken"  # our keys are lasting ones
    signed, stamp = found["signed"].split(";"), request.headers.get("x-amz-date", "")
    if not set(signed) >= _ALWAYS_SIGNED or not stamp.startswith(found["day"]) or found["region"] != REGION:
        return "AuthorizationHeaderMalformed"
    if abs(datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)) > timedelta(minutes=15):
        return "RequestTimeTooSkewed"
    told = request.headers["x-amz-content-sha256"]
    if told not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return "XAmzContentSHA256Mismatch"
    path, _, query = request.raw_path.partition("?")
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True))
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    canonical = "\n".join(
        [request.method, path, "&".join(f"{k}={v}" for k, v in pairs), headers, found["signed"], told]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, found["scope"], hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET_KEY}".encode()
    for part in found["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    right = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return "" if hmac.compare_digest(right, found["signature"]) else "SignatureDoesNotMatch"


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
