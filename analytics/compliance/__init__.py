"""Compliance: a catalogue of requirements in data files, and tests of what the platform can really see. Pure."""

from analytics.compliance.catalogue import CATALOGUES, Requirement, requirements
from analytics.compliance.facts import Facts
from analytics.compliance.probes import PROBES, Outcome

__all__ = ["CATALOGUES", "PROBES", "Facts", "Outcome", "Requirement", "requirements"]
