"""AWS Signature Version 4 by botocore's own signer. Imported by processes that have a Bedrock provider, see `preload`.

Source: IAM user guide, "AWS Signature Version 4 for API requests".
"""

from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.provideroptions import AwsCredential

SERVICE = "bedrock"


def signed_headers(
    method: str, url: str, headers: Mapping[str, str], body: bytes, *, credential: AwsCredential, region: str
) -> dict[str, str]:
    """The headers with `Authorization`, `X-Amz-Date` and, for temporary keys, `X-Amz-Security-Token`."""
    keys = Credentials(credential.access_key_id, credential.secret_access_key, credential.session_token or None)
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(keys, SERVICE, region).add_auth(request)
    return dict(request.headers.items())
