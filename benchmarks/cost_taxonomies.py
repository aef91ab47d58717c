"""The taxonomies that costs are measured with: 3, 20 and 150 labels, each name one token where it is written.

Descriptions cost as much as they say, so one taxonomy of 20 has them and the other has not.
"""

from collections.abc import Mapping
from typing import Any

_TOPICS = """
login password account profile access permission token session email phone
invoice refund charge payment price discount tax receipt plan trial
upgrade renewal contract license quota limit usage billing currency voucher
crash error freeze delay timeout bug memory storage backup restore
export import upload download sync merge search filter sort report
dashboard chart table calendar map editor template theme font layout
mobile tablet desktop browser printer scanner camera keyboard mouse screen
network router proxy firewall domain certificate server cluster database cache
install update version release migration configuration setting feature request feedback
question training documentation tutorial example survey webinar community partner reseller
order shipping delivery tracking package address return exchange warranty repair
stock inventory supplier purchase quote budget expense salary holiday absence
contact message chat notification alert reminder schedule meeting task project
team role group user guest admin owner customer tenant workspace
security privacy audit compliance spam fraud virus encryption policy complaint
"""
TOPICS = tuple(_TOPICS.split())

KINDS = {
    "bug": "Something that used to work, or should, does not.",
    "feature": "A wish for something the product does not do yet.",
    "other": "Anything else.",
}

QUEUES = {
    "login": "Cannot sign in, two-factor codes, a locked account.",
    "password": "Forgotten, expired or refused passwords.",
    "permission": "Somebody lacks a right or has one too many.",
    "invoice": "An invoice is wrong, missing or not understood.",
    "refund": "Money is asked back.",
    "payment": "A card is refused, a transfer has not arrived.",
    "plan": "Changing or ending a subscription.",
    "crash": "The program ends or freezes.",
    "error": "A message of an error, with or without a code.",
    "delay": "Something works, but far too slowly.",
    "export": "Data taken out: files, reports, backups.",
    "import": "Data brought in: files, migration from elsewhere.",
    "mobile": "The apps for phones and tablets.",
    "printer": "Printers, scanners and their drivers.",
    "network": "VPN, Wi-Fi, proxies, name resolution.",
    "feature": "A wish for what the product does not do yet.",
    "question": "How something is done or where it is found.",
    "order": "Ordering and delivery of devices and licences.",
    "security": "Phishing, spam, a lost device, a suspected break-in.",
    "complaint": "Displeasure with the service itself.",
}

Taxonomy = Mapping[str, Any]


def _described(labels: Mapping[str, str]) -> Taxonomy:
    return {"labels": [{"name": name, "description": text} for name, text in labels.items()]}


TAXONOMIES: Mapping[str, Taxonomy] = {
    "3 labels": _described(KINDS),
    "20 labels": {"labels": list(QUEUES)},
    "20 labels, described": _described(QUEUES),
    "150 labels": {"labels": list(TOPICS)},
}
"""By what they are called in the tables: as they would stand in a configuration file."""
