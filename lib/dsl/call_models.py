"""The shape of what calls say about services: authentication, OpenAPI documents, MCP servers (see `models`)."""

from typing import Any, Literal

from pydantic import Field

from lib.dsl.models import Maybe, Part, Text


class Basic(Part):
    username: str
    password: str


class Digest(Basic):
    pass


class Bearer(Part):
    token: str


class Client(Part):
    id: Maybe[Text] = None
    secret: Maybe[Text] = None
    assertion: Maybe[Text] = None
    authentication: Maybe[
        Literal["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]
    ] = None


class TokenRequest(Part):
    encoding: Maybe[Literal["application/x-www-form-urlencoded", "application/json"]] = None


class Token(Part):
    token: Text
    type: Text


class Oidc(Part):
    authority: Text
    grant: Text
    client: Maybe[Client] = None
    request: Maybe[TokenRequest] = None
    issuers: Maybe[list[str]] = None
    scopes: Maybe[list[str]] = None
    audiences: Maybe[list[str]] = None
    username: Maybe[Text] = None
    password: Maybe[Text] = None
    subject: Maybe[Token] = None
    actor: Maybe[Token] = None


class TokenEndpoints(Part):
    token: Maybe[Text] = None
    revocation: Maybe[Text] = None
    introspection: Maybe[Text] = None


class OAuth2(Oidc):
    endpoints: Maybe[TokenEndpoints] = None


class Resource(Part):
    name: Maybe[str] = None
    endpoint: Any


class Catalog(Part):
    endpoint: Any


class OpenApiArguments(Part):
    document: Resource
    operation: Text = Field(alias="operationId")
    parameters: Maybe[Any] = None
    authentication: Maybe[dict[str, Any]] = None
    output: Maybe[Literal["raw", "content", "response"]] = None
    redirect: Maybe[bool] = None


class McpHttp(Part):
    endpoint: Any
    headers: Maybe[Any] = None


class McpTransport(Part):
    http: Maybe[McpHttp] = None
    stdio: Maybe[Any] = None
    options: Maybe[dict[str, str]] = None


class McpClient(Part):
    name: Text
    version: Text
    description: Maybe[str] = None


class McpArguments(Part):
    protocol: Maybe[Text] = Field(default=None, alias="protocolVersion")
    method: Text
    parameters: Maybe[Any] = None
    timeout: Maybe[Any] = None
    transport: McpTransport
    client: Maybe[McpClient] = None
