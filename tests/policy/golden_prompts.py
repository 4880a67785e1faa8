"""The golden prompts: run this module to write them anew, then read the difference before it is committed."""

from __future__ import annotations

from pathlib import Path

from eyeward.policy import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, Policy, PromptWording, render

FOLDER = Path(__file__).parent.parent / "golden" / "prompts"

WORDINGS: dict[str, PromptWording] = {
    "eyeward": EYEWARD,
    "published_2025": PUBLISHED_2025,
    "published_2024": PUBLISHED_2024,
}


def policies() -> dict[str, Policy]:
    """Return the policies whose prompts are kept."""
    default = Policy.load("default")
    return {"default": default, "stances": default.non_violating("O7").sensitive("O2").only("O2", "O6", "O7")}


def main() -> None:
    """Write every golden prompt."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for policy_name, policy in policies().items():
        for wording_name, wording in WORDINGS.items():
            path = FOLDER / f"{policy_name}.{wording_name}.txt"
            path.write_text(render(policy, wording).text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
