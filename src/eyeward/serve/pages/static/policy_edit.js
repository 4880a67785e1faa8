// The editor: what lint says follows the typing; a finding leads to its line; test cases can be tried before saving.
"use strict";
(() => {
  const { make, send, later } = eyeward;
  const find = (id) => document.getElementById(id);
  const text = find("text");
  let looking = null;
  let unsaved = false;

  const look = async () => {
    looking?.abort();
    const current = (looking = new AbortController());
    try {
      const lint = await send("/policies/lint", { text: text.value }, { signal: current.signal });
      if (!current.signal.aborted) show(lint);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      find("findings").replaceChildren();
      find("cover").textContent = "";
      find("lint-status").textContent = `It could not be looked at: ${problem.message}`;
    }
  };

  const show = ({ usable, findings, covered }) => {
    const errors = findings.filter(({ level }) => level === "error").length;
    const doubts = findings.length - errors;
    const parts = [];
    if (errors) parts.push(errors === 1 ? "1 error" : `${errors} errors`);
    if (doubts) parts.push(doubts === 1 ? "1 doubt" : `${doubts} doubts`);
    find("lint-status").textContent = parts.length ? `${parts.join(", ")}.` : "Nothing to mend.";
    find("lint-status").dataset.usable = usable ? "yes" : "no";
    find("findings").replaceChildren(...findings.map(item));
    find("cover").textContent = !covered
      ? ""
      : covered.not_covered.length
        ? `This guard cannot read all of ${covered.not_covered.map((id) => unknown(id, covered.unknown_words[id])).join("; ")}.`
        : "This guard can read all of it.";
  };

  const unknown = (id, words) => (words?.length ? `${id} (never met: ${words.join(", ")})` : id);

  const item = ({ level, message, line }) => {
    const place = line ? `Line ${line}: ` : "";
    const button = make("button", { type: "button", class: level, textContent: `${place}${message}` });
    button.addEventListener("click", () => go(line ?? 1));
    return make("li", {}, button);
  };

  const go = (line) => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = text.scrollHeight / Math.max(1, lines.length);
    text.scrollTop = Math.max(0, (line - 5) * height);
  };

  const soon = later(400, look);
  text.addEventListener("input", () => {
    unsaved = true;
    soon();
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
  find("editor").addEventListener("submit", () => {
    unsaved = false;
  });

  find("try")?.addEventListener("click", async (event) => {
    const button = event.target;
    const result = find("try-result");
    button.disabled = true;
    result.replaceChildren();
    find("try-status").textContent = "Judging…";
    try {
      const { passed, lines } = await send("/policies/try", { name: find("editor").dataset.name, text: text.value });
      find("try-status").textContent = `${passed} of ${lines.length} as expected.`;
      const rows = lines.map((line) =>
        make(
          "li",
          {},
          make("b", { class: line.passed ? "passed" : "failed", textContent: line.passed ? "As expected: " : "Not as expected: " }),
          `${line.name}: ${line.said}; wanted ${line.wanted}`,
        ),
      );
      result.replaceChildren(make("ul", {}, ...rows));
    } catch (problem) {
      find("try-status").textContent = "They were not run.";
      result.replaceChildren(make("p", { class: "problem", role: "alert", textContent: problem.message }));
    } finally {
      button.disabled = false;
    }
  });

  // A policy that comes from the playground stands in the fragment.
  const begin = async () => {
    try {
      const linked = find("editor").dataset.name ? null : await policyLink.unpack(location.hash);
      if (linked !== null) {
        const { yaml } = await send("/policies/yaml", { text: JSON.stringify(linked) });
        text.value = yaml;
        unsaved = true;
        history.replaceState(null, "", location.pathname);
      }
    } catch (problem) {
      find("lint-status").textContent = problem.message;
    }
    await look();
  };
  begin();
})();
