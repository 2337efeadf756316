"""Sealed files in S3-compatible storage: a bucket at AWS, OSS or COS, or of one's own (MinIO, Ceph)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.url import Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

TRIES = 5  # of one request, where the other side is busy or does not answer
FIRST_WAIT = timedelta(milliseconds=200)  # before the second try; doubled each time
LONGEST_WAIT = timedelta(seconds=3)
ONE_REQUEST = timedelta(seconds=30)
PATIENCE = timedelta(seconds=60)  # for everything that one file takes, repetitions included
ANY_REGION = "us-east-1"  # what S3-compatible servers that know no regions expect


@dataclass(frozen=True, slots=True)
class Access:
    """How to get at a bucket; without `endpoint` it is AWS's own of the region."""

    access_key: str
    secret_key: str = field(repr=False)
    endpoint: str = ""
    region: str = ""


class Bucket:
    """A part of a bucket, the names below one prefix."""

    def __init__(self, url: str, access: Access | None) -> None:
        """Raises Unavailable: `url` is not `s3://BUCKET/PREFIX`, or the keys are missing."""
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not self._bucket:
            raise Unavailable("BULOU_VAULT_URL names no bucket: write s3://bucket/prefix")
        if access is None:
            raise Unavailable("BULOU_VAULT__ACCESS_KEY and BULOU_VAULT__SECRET_KEY are needed for a vault in a bucket")
        self._access = access
        self._known: S3Store | None = None
        at = f" at {urlsplit(access.endpoint).netloc}" if access.endpoint else ""
        self.where = f"s3://{self._bucket}/{self._prefix}".rstrip("/") + at

    async def open(self) -> None:
        """Make sure that files can be written, read and destroyed here for good. Raises Unavailable."""
        probe = f".{secrets.token_hex(16)}"
        kept = await self._write(probe, b"bulou")
        try:
            if await self.read(probe, 16) != b"bulou":
                raise Unavailable(f"the vault {self.where} does not give back what was written to it")
        finally:
            await self.remove(probe)
        if kept.get("version") not in (None, "null"):
            raise Unavailable(
                f"the vault {self.where} keeps old versions of destroyed files: switch the bucket's versioning off"
            )

    async def write(self, name: str, sealed: bytes) -> None:
        """Keep a file for good. Raises Unavailable."""
        await self._write(name, sealed)

    async def _write(self, name: str, sealed: bytes) -> Mapping[str, Any]:
        try:
            async with self._asking() as store:
                # The name is random, so writing it again after a lost answer is the same as once.
                return await store.put_async(name, sealed, use_multipart=False)
        except FileNotFoundError as error:
            raise self._refused("it does not take files: see BULOU_VAULT_URL and the endpoint") from error

    async def read(self, name: str, most: int) -> bytes | None:
        """A file's content, cut off after `most` bytes; None when there is no such file. Raises Unavailable."""
        try:
            async with self._asking() as store:
                found = await store.get_async(name)
                if found.meta["size"] > most:
                    return b""  # nothing of ours: not worth a download
                return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None

    async def remove(self, name: str) -> None:
        """Remove a file; harmless when it is gone already. Raises Unavailable."""
        try:
            async with self._asking() as store:
                await store.delete_async(name)
        except FileNotFoundError:
            pass

    async def names(self) -> list[str]:
        """The names of all files that lie here. Raises Unavailable."""
        found: list[str] = []
        async with self._asking() as store:
            async for page in store.list():
                found += [each["path"] for each in page]
        return sorted(name for name in found if "/" not in name and not name.startswith("."))

    @asynccontextmanager
    async def _asking(self) -> "AsyncIterator[S3Store]":
        """One thing asked of the other side, with patience that ends. Raises FileNotFoundError or Unavailable."""
        if self._known is None:
            self._known = await asyncio.to_thread(self._connect)
        from obstore import exceptions

        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                yield self._known
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._refused("there is no such bucket: see BULOU_VAULT_URL and the endpoint") from error
            raise
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            how = "the keys are refused: see BULOU_VAULT__ACCESS_KEY, its secret and region, and what it may do"
            raise self._refused(how) from error
        except (TimeoutError, exceptions.BaseError) as error:
            raise self._refused("it does not answer as it should: see that it runs and can be reached") from error

    def _refused(self, why: str) -> Unavailable:
        return Unavailable(f"the vault {self.where} cannot be used: {why}")

    def _connect(self) -> "S3Store":
        """Open the door; the library is loaded only where a bucket is used, because that takes a while."""
        from obstore.store import S3Store

        access, region = self._access, self._access.region or ANY_REGION
        endpoint = access.endpoint or f"https://s3.{region}.amazonaws.com"
        parts = urlsplit(endpoint)
        # OSS and COS want the bucket in the host's name; whoever writes it there gets that style.
        by_host = (parts.hostname or "").startswith(f"{self._bucket}.")
        return S3Store(
            self._bucket,
            prefix=self._prefix or None,
            region=region,
            aws_endpoint_url_s3=endpoint,
            # Not as plain values: those would be joined with what AWS_… variables say for other programs.
            credential_provider=self._credential,
            virtual_hosted_style_request=by_host,
            disable_bulk_delete=True,  # OSS has none
            client_options={
                "allow_http": parts.scheme == "http",
                "timeout": ONE_REQUEST,
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={
                "max_retries": TRIES - 1,
                "retry_timeout": PATIENCE,
                "backoff": {"init_backoff": FIRST_WAIT, "max_backoff": LONGEST_WAIT, "base": 2},
            },
        )

    def _credential(self) -> "S3Credential":
        return {
            "access_key_id": self._access.access_key,
            "secret_access_key": self._access.secret_key,
            "expires_at": None,
        }
