// Adds a test case: the image goes along as a data: address.
"use strict";
(() => {
  const { make, send } = eyeward;
  const find = (id) => document.getElementById(id);
  const add = find("add-case");

  const dataAddress = (file) =>
    new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(new Error("The file cannot be read."));
      reader.readAsDataURL(file);
    });

  add?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = find("case-image").files;
    if (!file) return;
    const button = add.querySelector("button");
    button.disabled = true;
    find("case-problem").replaceChildren();
    find("case-status").textContent = "Judging…";
    try {
      await send(`/policies/named/${add.dataset.name}/cases`, {
        image: await dataAddress(file),
        name: file.name,
        rating: find("case-rating").value,
        category: find("case-category").value || null,
      });
      location.hash = "cases";
      location.reload();
    } catch (problem) {
      find("case-status").textContent = "";
      find("case-problem").replaceChildren(make("p", { class: "problem", textContent: problem.message }));
      button.disabled = false;
    }
  });
})();
