"""A simulated, OpenAI-compatible provider: latency, limits and faults on demand.

It proves mechanics and cost, never a model's accuracy. A request's way, in reading order:

    simulator   over HTTP: waits, counts, takes orders for faults
    provider    decides what becomes of a request
    contract    reads records, writes answers; taxonomies: which labels the request allows
    rule        the label of a text
    tokens      what a call is counted, and what of it was cached
    limits      requests and tokens a minute
    fault_table every fault there is; faults: what one is; replies: how a reply goes wrong
    arsenal     which fault strikes which call; armed_fault: an order for one
    errors      in the words of OpenAI, Azure, vLLM, Ollama, OpenRouter
    stats       what was asked and given
    listener    the socket
"""

from stream_classifier.lab.simulator.armed_fault import ArmedFault
from stream_classifier.lab.simulator.errors import Dialect
from stream_classifier.lab.simulator.fault_table import FAULTS
from stream_classifier.lab.simulator.options import SimulatorOptions
from stream_classifier.lab.simulator.rule import rule_label
from stream_classifier.lab.simulator.simulator import Address, Simulator

__all__ = ["FAULTS", "Address", "ArmedFault", "Dialect", "Simulator", "SimulatorOptions", "rule_label"]
