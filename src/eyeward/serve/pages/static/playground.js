// The playground: what is chosen stands in `state`, and every change of it asks again. Text is only ever set as text.
"use strict";
(() => {
  const { make, send, later } = eyeward;
  const find = (id) => document.getElementById(id);
  const bench = find("bench");
  const mayEdit = bench.dataset.mayEdit === "yes";
  const STANCES = [
    ["enforced", "Its rules apply"],
    ["sensitive", "Forbid all of it"],
    ["non_violating", "Allow all of it"],
  ];
  const state = {
    image: null,
    name: "",
    policy: null, // as the service took it apart
    edited: false,
    judging: null,
    reading: null,
  };

  // --- what is sent

  // A kept policy goes by its name; a changed one is sent along, in full.
  const policyText = () => (state.edited ? JSON.stringify(plain(state.policy)) : find("policy").value);

  const plain = (policy) => ({
    name: policy.ref.name,
    version: policy.ref.version,
    categories: policy.categories.map(({ id, name, should_not, can, stance }) => ({ id, name, should_not, can, stance })),
  });

  // --- image

  const setImage = (blob, name) => {
    state.image = blob;
    state.name = name;
    const preview = find("preview");
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(blob);
    find("name").textContent = name;
    find("shown").hidden = false;
    for (const button of document.querySelectorAll("[data-scene]")) {
      button.setAttribute("aria-pressed", String(`${button.dataset.scene}.png` === name));
    }
    forget("The image changed; judge it.");
    changed();
  };

  find("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) setImage(file, file.name);
  });

  const drop = find("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return; // text may be dragged as ever
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      const [file] = kind === "drop" ? event.dataTransfer.files : [];
      if (file) setImage(file, file.name);
    });
  }
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (!file) return;
    event.preventDefault();
    setImage(file, file.name || "pasted");
  });

  for (const button of document.querySelectorAll("[data-scene]")) {
    button.addEventListener("click", async () => {
      const response = await fetch(`/playground/scenes/${button.dataset.scene}.png`);
      if (response.ok) {
        find("scenes").open = false; // so that the verdict is seen
        find("scenes").querySelector("summary").focus();
        setImage(await response.blob(), `${button.dataset.scene}.png`);
      } else complain("problem", { message: "The scene could not be loaded; load this page again." });
    });
  }

  // --- policy

  const readPolicy = async () => {
    state.reading?.abort();
    const reading = (state.reading = new AbortController());
    find("policy-problem").replaceChildren();
    try {
      const policy = await send("/playground/policy", { policy: policyText() }, { signal: reading.signal });
      if (reading.signal.aborted) return false;
      if (state.edited) policy.categories = state.policy.categories; // the fields of the page write into these
      state.policy = policy;
      showWhatIsKnown();
      return true;
    } catch (problem) {
      if (problem.name !== "AbortError") {
        complain("policy-problem", problem);
        find("cover").textContent = "";
        find("prompt-text").textContent = "";
        forget("The policy cannot be used as it is.");
      }
      return false;
    }
  };

  const showWhatIsKnown = () => {
    const { covered, prompt, ref, has_verbatim: verbatim } = state.policy;
    const parts = covered.not_covered.map((id) => {
      const words = covered.unknown_words[id] ?? [];
      return words.length ? `${id} (it has never met ${words.map((word) => `“${word}”`).join(", ")})` : id;
    });
    find("cover").textContent = parts.length
      ? `This guard cannot read all of ${parts.join("; ")}: what it says under this policy is for review.`
      : "This guard can read all of this policy.";
    const texts = prompt.filter((text) => text.trim());
    find("prompt-text").textContent = texts.length ? prompt.join("[image]") : "This guard is not prompted: it reads no policy.";
    find("prompt-hint").textContent =
      `${ref.name}, version ${ref.version}${state.edited ? ", changed here" : ""}, hash ${ref.hash.slice(0, 12)}. ` +
      `The image stands where it says [image].${verbatim ? " The policy carries these words itself; a change loses them." : ""}`;
    find("undo").hidden = !state.edited || find("policy").value === "";
  };

  const showCategories = () => {
    find("categories").replaceChildren(...state.policy.categories.map(categoryFields));
  };

  const categoryFields = (category) => {
    const choices = STANCES.map(([stance, words]) =>
      make(
        "label",
        {},
        make("input", {
          type: "radio",
          name: `stance-${category.id}`,
          value: stance,
          checked: category.stance === stance,
          disabled: !mayEdit,
          onchange: (event) => {
            category.stance = stance;
            event.target.closest("fieldset").dataset.stance = stance;
            edited();
          },
        }),
        make("span", { textContent: words }),
      ),
    );
    const summary = make("summary", {});
    const count = () => {
      const rules = category.should_not.length + category.can.length;
      summary.textContent = `${rules} ${rules === 1 ? "rule" : "rules"}`;
    };
    count();
    const list = (key, words) => {
      const id = `${key}-${category.id}`;
      const area = make("textarea", { id, rows: Math.max(2, category[key].length), readOnly: !mayEdit, spellcheck: true });
      area.value = category[key].join("\n");
      area.addEventListener("input", () => {
        category[key] = area.value.split("\n").map((line) => line.trim()).filter(Boolean);
        count();
        edited();
      });
      return [make("label", { htmlFor: id, textContent: `${words}, one a line` }), area];
    };
    return make(
      "fieldset",
      { class: "category", "data-stance": category.stance },
      make("legend", { textContent: `${category.id}: ${category.name}` }),
      make("div", { class: "stances" }, ...choices),
      make("details", {}, summary, ...list("should_not", "Should not"), ...list("can", "Can")),
    );
  };

  const edited = () => {
    state.edited = true;
    find("undo").hidden = find("policy").value === "";
    forget("The policy changed.");
    readAndJudge();
  };

  const readAndJudge = later(400, async () => {
    if (await readPolicy()) changed();
  });

  const choose = async () => {
    state.edited = false;
    forget("The policy changed.");
    if (await readPolicy()) {
      showCategories();
      changed();
    }
  };

  find("policy").addEventListener("change", choose);
  find("undo").addEventListener("click", async () => {
    await choose();
    find("policy").focus();
  });
  find("other").addEventListener("change", () => {
    forget("The policies changed.");
    changed();
  });
  find("explain").addEventListener("change", () => changed());

  // --- verdict

  // What was said before is not true of what is chosen now: nothing of it stays.
  const forget = (words) => {
    state.judging?.abort();
    find("results").replaceChildren();
    find("problem").replaceChildren();
    find("status").textContent = state.image ? words : "Choose an image.";
  };

  const changed = () => {
    if (find("at-once").checked && state.image) judge();
  };

  const judge = async () => {
    if (!state.image) {
      forget("");
      find("file").focus();
      return;
    }
    forget("Judging…");
    if (state.image.size > Number(bench.dataset.largest)) {
      const most = Math.round(Number(bench.dataset.largest) / (1 << 20));
      complain("problem", { message: `The image was not judged: it is larger than ${most} MiB, the limit of this service.` });
      return;
    }
    const judging = (state.judging = new AbortController());
    const results = find("results");
    results.setAttribute("aria-busy", "true");
    const form = new FormData();
    form.append("image", state.image, state.name);
    form.append("policy", policyText());
    if (find("other").value) form.append("policy", find("other").value);
    form.append("explain", String(find("explain").checked));
    const changedHere = state.edited;
    try {
      const { judged } = await send("/playground/assess", form, { signal: judging.signal });
      if (judging.signal.aborted) return;
      results.replaceChildren(...judged.map((one, place) => resultOf(one, place === 0 && changedHere)));
      find("status").textContent = judged.map(({ verdict }) => sentence(verdict)).join(" ");
    } catch (problem) {
      if (problem.name !== "AbortError") complain("problem", { ...problem, message: `Not judged: ${problem.message}` });
    } finally {
      if (state.judging === judging) results.removeAttribute("aria-busy");
    }
  };
  find("judge").addEventListener("click", judge);

  const complain = (place, { message, findings = [] }) => {
    const lines = findings.length ? `\n${findings.join("\n")}` : "";
    find(place).replaceChildren(make("p", { class: "problem", textContent: message + lines }));
    if (place === "problem") find("status").textContent = "There is no verdict.";
  };

  const ratingOf = (verdict) => (verdict.status === "ok" && verdict.rating ? verdict.rating : "Error");

  const sentence = (verdict) => {
    const rating = ratingOf(verdict);
    if (rating === "Error") return `${verdict.policy.name}: not judged.`;
    const p = verdict.p_unsafe === null ? "" : `, probability of unsafe ${verdict.p_unsafe.toFixed(3)}`;
    return `${verdict.policy.name}: ${rating}, ${verdict.category ?? "no category"}${p}.`;
  };

  const REASONS = {
    band: "the probability lies in the band where the guard abstains",
    out_of_scope: "the image lies outside of what the guard knows",
    frames: "not all of its frames were judged",
  };

  const resultOf = ({ verdict, scores, covered }, changedHere) => {
    const rating = ratingOf(verdict);
    const { policy, error } = verdict;
    const card = make(
      "article",
      { class: "card", "data-rating": rating },
      make(
        "h3",
        {},
        `${policy.name}, version ${policy.version}${changedHere ? ", changed here" : ""} `,
        make("span", { class: "hash", textContent: policy.hash.slice(0, 12) }),
      ),
      make("span", { class: `rating ${rating}`, textContent: rating === "Error" ? "Not judged" : rating }),
    );
    if (rating === "Error") {
      card.append(make("p", { textContent: error?.message ?? "There is no rating, and the service did not say why." }));
      return card;
    }
    card.append(make("p", { class: "said", textContent: verdict.category ?? "No category" }));
    if (verdict.review) card.append(make("p", { textContent: `For review: ${REASONS[verdict.review.reason] ?? verdict.review.reason}.` }));
    if (verdict.p_unsafe !== null) {
      const bar = make("ul", { class: "bars" }, barOf("probability of unsafe", verdict.p_unsafe, rating, verdict.threshold));
      card.append(bar);
      if (verdict.threshold !== null) {
        card.append(make("p", { class: "hint", textContent: `Unsafe from ${verdict.threshold.toFixed(3)} on.` }));
      }
    }
    if (verdict.rationale) card.append(make("blockquote", { textContent: verdict.rationale }));
    const ranked = Object.entries(scores).sort((one, other) => other[1] - one[1]);
    if (ranked.length) {
      const bars = make("ul", { class: "bars" }, ...ranked.map(([label, score]) => barOf(label, score, "", null)));
      card.append(make("details", { open: true }, make("summary", { textContent: "Unsafe, and why" }), bars));
    }
    if (covered.not_covered.length) {
      card.append(make("p", { class: "note", textContent: `This guard cannot read all of ${covered.not_covered.join(", ")}.` }));
    }
    if (verdict.notes.length) card.append(make("p", { class: "hint", textContent: `Notes: ${verdict.notes.join(", ")}` }));
    return card;
  };

  const barOf = (label, value, rating, threshold) => {
    const fill = make("span", { class: `fill ${rating}` });
    fill.style.width = `${(100 * value).toFixed(1)}%`;
    const track = make("span", { class: "track", "aria-hidden": "true" }, fill);
    if (threshold !== null) {
      const mark = make("span", { class: "mark" });
      mark.style.left = `${(100 * threshold).toFixed(1)}%`;
      track.append(mark);
    }
    return make("li", {}, make("span", { textContent: label }), make("span", { class: "value", textContent: value.toFixed(3) }), track);
  };

  // --- links

  const address = async () => `${location.origin}${location.pathname}#${await policyLink.pack(plain(state.policy))}`;

  find("share").addEventListener("click", async () => {
    if (!state.policy) return;
    const link = find("link");
    link.value = await address();
    find("link-row").hidden = false;
    link.focus();
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      find("link-status").textContent = "Copied.";
    } catch {
      find("link-status").textContent = "Copy it from the field.";
    }
  });

  find("write")?.addEventListener("click", async (event) => {
    if (!state.policy) return;
    event.preventDefault();
    location.href = `/policies/new#${await policyLink.pack(plain(state.policy))}`;
  });

  const begin = async () => {
    let linked = null;
    try {
      linked = await policyLink.unpack(location.hash);
    } catch (problem) {
      await choose();
      complain("policy-problem", problem);
      return;
    }
    if (linked === null) {
      await choose();
      return;
    }
    find("linked").hidden = false;
    find("policy").value = "";
    state.policy = null;
    state.edited = true;
    find("policy-problem").replaceChildren();
    try {
      state.policy = await send("/playground/policy", { policy: JSON.stringify(linked) });
      showWhatIsKnown();
      showCategories();
      changed();
    } catch (problem) {
      await back(problem);
    }
  };

  // The policy of the link cannot be used: say why, and go on with the one that is chosen by default.
  const back = async (problem) => {
    find("linked").hidden = true;
    const first = [...find("policy").options].find((option) => option.defaultSelected) ?? find("policy").options[1];
    if (first) find("policy").value = first.value;
    await choose();
    complain("policy-problem", problem);
  };

  addEventListener("hashchange", begin);
  begin();
})();
