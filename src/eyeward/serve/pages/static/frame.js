// What all pages share. Pages call `eyeward.send` and `eyeward.make`; nothing here writes markup from text.
"use strict";
const eyeward = {
  // Send something to this service, with the token of this page. `body` is FormData, or what becomes JSON.
  // Returns what was answered; throws an Error with a sentence for people, `status`, `type` and `findings`.
  async send(path, body, options = {}) {
    const headers = { Accept: "application/json", "X-CSRF-Token": eyeward.token() };
    const isForm = body instanceof FormData;
    if (!isForm) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers,
        body: isForm ? body : JSON.stringify(body),
        credentials: "same-origin",
        redirect: "error",
        ...options,
      });
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      throw Object.assign(new Error("The service did not answer; is it running?"), { status: 0 });
    }
    let answer = null;
    try {
      answer = await response.json();
    } catch {
      // said below
    }
    if (!response.ok || answer === null) {
      const told = answer?.error;
      const problem = new Error(told?.message ?? `The service answered something that cannot be read (${response.status}).`);
      throw Object.assign(problem, { status: response.status, type: told?.type, findings: told?.findings ?? [] });
    }
    return answer;
  },

  token() {
    return document.querySelector("meta[name=csrf]").content;
  },

  // Make an element: properties are set as they are, `class`, `aria-…` and `data-…` as attributes, text as text.
  make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined || value === null) continue;
      if (name in element && name !== "list") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  },

  // Call `action` once nothing was asked for so many milliseconds.
  later(milliseconds, action) {
    let timer = 0;
    return (...given) => {
      clearTimeout(timer);
      timer = setTimeout(() => action(...given), milliseconds);
    };
  },
};

(() => {
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const name = () => {
    button.textContent = now() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${button.textContent.toLowerCase()} theme`);
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = now() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
    name();
  });
  dark.addEventListener("change", name);
  name();
})();
