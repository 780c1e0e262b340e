"""Tokens for Amazon's brokers: a request that its own credentials sign, by Amazon's library."""

from __future__ import annotations

import os

from unlearn.errors import ExtraMissing
from unlearn.extras import require
from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable
from unlearn.log.kafka.security.token import Token

__all__ = ["msk_token"]

_SETTING = "UNLEARN_KAFKA__SASL_AWS_REGION"


def msk_token(region: str | None) -> Token:
    """A token by the credentials that Amazon's tools find: variables, profile, role of the machine or the pod.

    Raises TokenRefused, TokenUnavailable.
    """
    where = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not where:
        raise TokenRefused(f"{_SETTING} is not set, nor AWS_REGION: name the region of the cluster")
    try:
        require("AWS_MSK_IAM", "aws")
    except ExtraMissing as error:
        raise TokenRefused(str(error)) from None
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        text, ends_ms = MSKAuthTokenProvider.generate_auth_token(where)
    except (NoCredentialsError, ValueError, AttributeError):
        # The library takes credentials that it hasn't found for some that it has.
        raise TokenRefused(
            "AWS_MSK_IAM finds no credentials of Amazon's: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or give the machine a role"
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise TokenUnavailable(f"Amazon gives no credentials for AWS_MSK_IAM: {error}") from None
    return Token(text, ends_ms / 1000)
