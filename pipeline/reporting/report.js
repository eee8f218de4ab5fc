"use strict";
/* What a reader can do with the page: open a chapter by its address, look at some batches or at one model everywhere,
   copy a command, choose simple or expert, light or dark. Without it the page reads the same. */
(() => {
  const root = document.documentElement;
  const base = JSON.parse(document.getElementById("chart-base").textContent);
  root.classList.add("js");

  /* Every version named in a table or a list becomes a button that picks its model on the whole page. */
  const known = Object.keys(base.models || {});
  const pattern = known.length ? new RegExp(`(?<![\\w-])(${known.join("|")})(?![\\w-])`, "g") : null;
  function nameModels(within) {
    if (!pattern) return;
    const texts = [];
    const walker = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const one = walker.currentNode;
      if (one.textContent.match(pattern) && one.parentElement.closest("td, th, li, dd") && !one.parentElement.closest("button, a, code, script, figure")) texts.push(one);
    }
    for (const text of texts) {
      const parts = text.textContent.split(pattern);
      text.replaceWith(...parts.map((part, place) => (place % 2 ? make("button", { type: "button", class: "model", "data-model": base.models[part], title: "Mark this model everywhere" }, part) : part)));
    }
  }

  function pick(model) {
    charts.set({ picked: model });
    select.value = model;
    markPicked();
  }

  function markPicked() {
    for (const one of all("button.model")) {
      const picked = one.dataset.model === charts.state.picked;
      one.setAttribute("aria-pressed", picked);
    }
    for (const row of all("main tr")) row.classList.toggle("picked", !!row.querySelector('button.model[aria-pressed="true"]'));
  }

  function prepareChapter(chapter) {
    if (!chapter.dataset.ready) {
      chapter.dataset.ready = "yes";
      nameModels(chapter);
      all("table", chapter).forEach(tables.prepare);
      prepareCopies(chapter);
    }
    markPicked();
  }

  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy by hand";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }

  function prepareCopies(within) {
    for (const code of all("pre, code.command", within)) {
      if (code.dataset.ready) continue;
      code.dataset.ready = "yes";
      const button = make("button", { type: "button", class: "copy" }, "Copy");
      button.addEventListener("click", () => copy(button, code.textContent.trim()));
      const frame = make("div", { class: "copyable" });
      code.replaceWith(frame);
      frame.append(code, button);
    }
  }

  /* An address such as #data/batches opens what lies folded around its target. */
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest(".expert")) setMode("expert");
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    target.scrollIntoView();
  }

  function setMode(mode) {
    root.dataset.mode = mode;
    all("[data-set-mode]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.setMode === mode));
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    all("[data-set-theme]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.setTheme === theme));
  }

  const bar = document.getElementById("toolbar");
  const select = bar.querySelector("select");
  const [from, to] = all("input[type=range]", bar);
  const range = bar.querySelector("output");

  function showRange({ first, last }) {
    from.value = first;
    to.value = last;
    range.textContent = first === base.first && last === base.last ? "all" : first === last ? `${first}` : `${first} to ${last}`;
  }

  bar.hidden = false;
  for (const end of [from, to]) {
    end.min = base.first;
    end.max = base.last;
    end.addEventListener("input", () => charts.look(Number(from.value), Number(to.value)));
  }
  bar.querySelector(".batches").hidden = base.first === base.last;
  charts.onChange(showRange);
  showRange(charts.state);
  select.addEventListener("change", () => pick(select.value));
  addEventListener("click", (event) => {
    const one = event.target.closest("button, a");
    if (!one) return;
    if (one.matches("button.model")) pick(charts.state.picked === one.dataset.model ? "" : one.dataset.model);
    if (one.dataset.setMode) setMode(one.dataset.setMode);
    if (one.dataset.setTheme) setTheme(one.dataset.setTheme);
    if (one.matches('a[href^="#"]') && one.hash === location.hash) follow(); // the same address again changes nothing
  });
  const chapters = all("details.chapter");
  for (const chapter of chapters) {
    chapter.addEventListener("toggle", () => chapter.open && prepareChapter(chapter));
    if (chapter.open) prepareChapter(chapter);
  }
  document.getElementById("unfold").addEventListener("click", ({ currentTarget: button }) => {
    const open = button.getAttribute("aria-pressed") !== "true";
    chapters.forEach((chapter) => (chapter.open = open));
    button.setAttribute("aria-pressed", open);
    button.textContent = open ? "Fold all" : "Open all";
  });
  all("header").forEach(prepareCopies);
  setMode("simple");
  setTheme("auto");
  addEventListener("hashchange", follow);
  follow();
})();
