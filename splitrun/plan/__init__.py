"""(Spec, Facts) -> Plan: who runs what, in which order, over which channels."""

from splitrun.plan.check import check
from splitrun.plan.compile import bottom_name, compile, top_name
from splitrun.plan.deadline import Deadline, deadline_of
from splitrun.plan.emulation import ComputeEmulation, LinkState, LinkTiming
from splitrun.plan.explain import RoleMemory, memory, peak_bytes
from splitrun.plan.fault import PlannedFault, planned_faults
from splitrun.plan.plan import (
    EVALUATION_BATCH_ROWS,
    Channel,
    EarlyStopping,
    Facts,
    Plan,
    Role,
    RoleFacts,
    plan_from_bytes,
    plan_sha256,
    plan_to_bytes,
)
from splitrun.plan.schedule import Instruction, Op, Program, Segment
from splitrun.plan.tensors import TensorFacts, encoded

__all__ = [
    "EVALUATION_BATCH_ROWS",
    "Channel",
    "ComputeEmulation",
    "Deadline",
    "EarlyStopping",
    "Facts",
    "Instruction",
    "LinkState",
    "LinkTiming",
    "Op",
    "Plan",
    "PlannedFault",
    "Program",
    "Role",
    "RoleFacts",
    "RoleMemory",
    "Segment",
    "TensorFacts",
    "bottom_name",
    "check",
    "compile",
    "deadline_of",
    "encoded",
    "memory",
    "peak_bytes",
    "plan_from_bytes",
    "plan_sha256",
    "plan_to_bytes",
    "planned_faults",
    "top_name",
]
