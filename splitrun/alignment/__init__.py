"""Which rows of two parties have their keys in common, found out between their machines.

The label holder asks, a partner answers, and the label holder alone learns what is in common; it
then tells the partner which of its rows are wanted. Both the question and the answer are documents
of several parts, each of which is made when it is asked for.
"""

from splitrun.alignment.answers import Answer, PartnerKeys
from splitrun.alignment.documents import Document
from splitrun.alignment.questions import Found, Question, ask
from splitrun.alignment.samples import Samples

__all__ = ["Answer", "Document", "Found", "PartnerKeys", "Question", "Samples", "ask"]
