// Keys for reviewing, a cover for what was revealed, and the time in which the page was out of sight. All of it can be
// done without: the page is a form.
"use strict";
(() => {
  const item = document.getElementById("item");
  const keys = document.getElementById("keys");
  const keysOn = document.getElementById("keys-on");
  const show = document.getElementById("show-keys");
  if (!item || !keys) return;

  keysOn.checked = localStorage.getItem("review-keys") !== "off";
  keysOn.addEventListener("change", () => localStorage.setItem("review-keys", keysOn.checked ? "on" : "off"));
  show.hidden = false;
  show.addEventListener("click", () => keys.showModal());

  const cover = document.getElementById("cover");
  const picture = document.getElementById("picture");
  const state = document.getElementById("look-state");
  if (cover) {
    cover.hidden = false;
    cover.addEventListener("click", () => {
      const covered = picture.classList.toggle("covered");
      cover.setAttribute("aria-pressed", String(covered));
      state.textContent = covered ? "Covered." : "Shown without blur.";
    });
  }

  // A severity says the rating, and a rating refuses the severities of the other one.
  const checked = (name) => item.querySelector(`input[name=${name}]:checked`);
  const choose = (name, value) => {
    for (const input of item.querySelectorAll(`input[name=${name}]`)) input.checked = input.value === value;
  };
  item.addEventListener("change", (event) => {
    const { name, value, dataset } = event.target;
    if (name === "severity" && dataset.rating) choose("rating", dataset.rating);
    if (name === "rating" && (checked("severity")?.dataset.rating ?? value) !== value) choose("severity", "");
  });

  for (const button of item.querySelectorAll("button.take")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const name of ["rating", "category", "severity"]) choose(name, button.dataset[name]);
      document.getElementById("rationale").value = button.dataset.rationale;
      document.getElementById("keep").focus();
    });
  }

  const press = (target) => {
    if (target.matches("input[type=radio]")) {
      target.focus();
      target.checked = true;
      target.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (target.matches("textarea")) {
      target.focus();
    } else {
      target.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    const writing = field.matches("textarea, input:not([type=radio], [type=checkbox])");
    if (writing && event.key === "Escape") return field.blur();
    if (writing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) return document.getElementById("keep")?.click();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || writing || keys.open) return;
    if (event.key === "Enter" && !field.matches("a, button, summary")) {
      event.preventDefault();
      document.getElementById("keep")?.click();
      return;
    }
    if (!keysOn.checked && event.key !== "?") return;
    const wanted = event.key.length === 1 ? event.key.toLowerCase() : "";
    const target = wanted && [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === wanted);
    if (!target || target.hidden) return;
    event.preventDefault();
    press(target);
  });

  // What was sent is sent once.
  item.addEventListener("submit", (event) => {
    if (item.dataset.sent) event.preventDefault();
    item.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => delete item.dataset.sent);

  let since = document.hidden ? Date.now() : 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      since = Date.now();
    } else if (since) {
      const away = item.elements.namedItem("away");
      away.value = String(Number(away.value) + Date.now() - since);
      since = 0;
    }
  });

  document.querySelector("[autofocus]")?.focus();
})();
