"""Whether an address leads out of one's own network, as far as its text tells."""

from ipaddress import ip_address
from urllib.parse import urlsplit

PUBLIC_PROVIDERS = (
    "openai.com", "azure.com", "anthropic.com", "googleapis.com", "openrouter.ai", "mistral.ai", "groq.com",
    "together.xyz", "together.ai", "fireworks.ai", "deepseek.com", "x.ai", "perplexity.ai", "cohere.com",
    "cohere.ai", "deepinfra.com", "cerebras.ai", "nebius.com", "huggingface.co", "confluent.cloud",
)  # fmt: skip
"""Whom the whole Internet reaches. Any other name may be a host of one's own: only its DNS knows."""


def is_exposed(url: str) -> bool:
    """True where what is sent there goes unencrypted through networks of others: plain `http://` to a public
    address, or to a public provider."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "http":
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return any(host == name or host.endswith(f".{name}") for name in PUBLIC_PROVIDERS)
