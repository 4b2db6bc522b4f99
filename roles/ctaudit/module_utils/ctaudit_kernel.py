"""Settings of the kernel: what they are, what they are to be, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """``value``: as the kernel has it, None where it has no such setting."""

    name: str
    wanted: str
    value: str | None
    is_writable: bool

    @property
    def holds(self) -> bool:
        return self.value is not None and self.value.split() == self.wanted.split()


def find_path(name: str, root: Path = Path("/proc/sys")) -> Path:
    """As sysctl(8) does: the first separator, "." or "/", is that of the whole name."""
    slash, dot = name.find("/"), name.find(".")
    if dot >= 0 and (slash < 0 or dot < slash):
        name = name.translate(str.maketrans("./", "/."))
    return root / name


def explain_refused(settings: list[Setting]) -> list[str]:
    """A sentence for the settings that must hold and cannot."""
    lacking = [setting.name for setting in settings if setting.value is None]
    locked = [
        setting
        for setting in settings
        if setting.value is not None and not setting.holds and not setting.is_writable
    ]
    sentences = []
    if lacking:
        sentences.append(
            f"this kernel has no {', '.join(lacking)}: the name is misspelt, or the module that "
            "brings it is not loaded, or the kernel is built without it; correct ctaudit_sysctls, "
            "or load the module at boot (/etc/modules-load.d)"
        )
    if locked:
        values = ", ".join(
            f"{setting.name}, wanted {setting.wanted}, found {setting.value}" for setting in locked
        )
        sentences.append(
            f"the kernel does not let us write {values}; in a container, set it on the host that "
            "runs it, then run again"
        )
    return sentences


def explain_kept(settings: list[Setting]) -> list[str]:
    """A sentence for each limit that stays as it is."""
    return [
        f"{setting.name} stays {setting.value or 'unknown'}, wanted {setting.wanted}: this kernel "
        f"{'has no such setting here' if setting.value is None else 'does not let us write it'}, "
        "as in a container or a network namespace"
        for setting in settings
        if not setting.holds and not setting.is_writable
    ]


def explain_undone(settings: list[Setting]) -> list[str]:
    """A sentence for each that does not hold after it was set."""
    return [
        f"{setting.name} is {setting.value}, wanted {setting.wanted}; the kernel does not keep it"
        for setting in settings
        if not setting.holds
    ]
