"""An object in a bucket of a server that speaks S3: fetched whole, hashed as it is written."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tenfold.connectors.remote.http import Fetched, Limits
from tenfold.foundation.errors import DataError
from tenfold.foundation.optional import require

_RETRIES = 3
_KEYS_FOLLOW = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
# A secret may hold slashes, so the address is no URL to the letter.
_ADDRESS = re.compile(r"s3://(?:(?P<key>[^:/@]+):(?P<secret>[^@]+)@)?(?P<bucket>[^/@]+)/(?P<object>.+)")


def fetch_object(url: str, *, shown: str, endpoint: str, into: Path, limits: Limits | None = None) -> Fetched:
    """Write the object that ``s3://bucket/key`` names to a file.

    Keys come from the URL (``s3://KEY:SECRET@bucket/key``) or from the standard environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``); without any, the bucket is read as a stranger.

    Parameters
    ----------
    endpoint : str
        The address of the server; empty is Amazon's, or what the environment says.

    Raises
    ------
    DataError
        When the object does not exist, may not be read, or is larger than the limit.
    """
    obstore = require("obstore", extra="s3", purpose="Reading S3")
    errors = require("obstore.exceptions", extra="s3", purpose="Reading S3")
    limits = limits or Limits()
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise DataError(f"{shown} names no object; write s3://BUCKET/KEY")
    bucket, key = match["bucket"], match["object"]
    try:
        store = _store(bucket, endpoint, match["key"], match["secret"], limits)
        answer = obstore.get(store, key)
        size = int(answer.meta["size"])
        if size > limits.largest_bytes:
            raise DataError(f"{shown} has {size:,} bytes, more than the {limits.largest_bytes:,} that are fetched")
        digest, written = hashlib.sha256(), 0
        with into.open("wb") as sink:
            for chunk in answer.stream(min_chunk_size=1 << 20):
                digest.update(chunk)
                written += sink.write(chunk)
    except FileNotFoundError:
        raise DataError(f"{shown} does not exist: there is no object '{key}' in the bucket '{bucket}'") from None
    except (errors.PermissionDeniedError, errors.UnauthenticatedError):
        raise DataError(
            f"{shown} may not be read: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write"
            " s3://${env:KEY}:${env:SECRET}@bucket/key"
        ) from None
    except (errors.BaseError, OSError, ValueError) as error:
        # The library's message may quote the address with what stands in it: only its kind is passed on.
        raise DataError(f"{shown} cannot be fetched from the bucket '{bucket}': {_reason(error)}") from None
    if written != size:
        raise DataError(f"{shown} broke off after {written:,} of {size:,} bytes; try again")
    return Fetched(path=into, hash=digest.hexdigest())


def _store(bucket: str, endpoint: str, key: str | None, secret: str | None, limits: Limits) -> Any:
    stores = require("obstore.store", extra="s3", purpose="Reading S3")
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if key and secret:
        options |= {"access_key_id": unquote(key), "secret_access_key": unquote(secret)}
    elif not any(name in os.environ for name in _KEYS_FOLLOW):
        # Without keys the library would ask the cloud machine that it believes to run on, and wait for an answer.
        options |= {"skip_signature": True}
    return stores.S3Store(
        bucket,
        **options,
        client_options={"allow_http": True, "timeout": timedelta(seconds=limits.seconds)},
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=limits.silence_seconds)},
    )


def _reason(error: Exception) -> str:
    message = str(error).casefold()
    for sign, reason in (
        ("timed out", "no answer in time"),
        ("connect", "no connection to the server"),
        ("nosuchbucket", "there is no such bucket"),
        ("dns", "the host of the server is not known"),
    ):
        if sign in message:
            return reason
    return f"the server's answer is not understood ({type(error).__name__})"
