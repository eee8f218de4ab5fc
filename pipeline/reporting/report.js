"use strict";
/* What a reader can do with the page: open a chapter by its address, sort and filter tables, look at some batches or at
   one model everywhere, copy a command, choose simple or expert, light or dark. Without it the page reads the same. */
(() => {
  const root = document.documentElement;
  const base = JSON.parse(document.getElementById("chart-base").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...inner) => {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    one.append(...inner);
    return one;
  };
  root.classList.add("js");

  /* Numbers as the page writes them: thin spaces, a real minus, units of time, size and share, dates by month. */
  const UNITS = { ms: 1e-3, s: 1, min: 60, h: 3600, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, "%": 1e-2 };
  function toNumber(text) {
    const plain = text.replace(/[\u202f\u00a0](?=\d{3})/g, "").replace(/\u2212/g, "-").trim();
    const day = plain.match(/^\d{1,2} [A-Z][a-z]{2} \d{4}( \d\d:\d\d)?/);
    if (day) return Date.parse(`${day[0]} UTC`);
    const parts = [...plain.matchAll(/([+-]?\d[\d.,]*(?:e[+-]?\d+)?)\s*(ms|min|s|h|kB|MB|GB|B|%)?/g)];
    if (!parts.length || !/^[<>+~\s-]*\d/.test(plain)) return null;
    if (parts.length === 1 || !parts[1][2]) return Number(parts[0][1].replace(/,/g, "")) * (UNITS[parts[0][2]] || 1);
    return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit] || 1), 0);
  }

  const NARROW = matchMedia("(max-width: 600px)");
  const LONGEST_LABEL = 60;
  const short = (text) => (text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}\u2026` : text);

  /* A narrow screen shows a table as it is where it has room for it, and otherwise its rows as cards. What is folded has
     no width yet, so that a table is laid whenever its place gets another one. */
  const fits = new Map();
  const places = new ResizeObserver((seen) => seen.forEach(({ target }) => fits.get(target)?.forEach((fit) => fit())));
  function keepFit(table, place, show) {
    let width = -1;
    const fit = () => {
      if (place.clientWidth === width) return;
      width = place.clientWidth;
      table.classList.remove("cards");
      table.classList.toggle("cards", NARROW.matches && table.offsetWidth > width + 1);
      show();
    };
    fits.set(place, [...(fits.get(place) || []), fit]);
    places.observe(place);
    fit();
  }

  function prepareTable(table) {
    if (table.dataset.ready || !table.tHead || !table.tBodies.length) return;
    table.dataset.ready = "yes";
    const heads = [...table.tHead.rows[0].cells];
    const rows = all("tr", table.tBodies[0]).filter((row) => row.cells.length === heads.length);
    if (!rows.length) return;
    const names = heads.map((head) => head.textContent.trim());
    rows.forEach((row) => [...row.cells].forEach((cell, place) => (cell.dataset.label = short(names[place]))));
    if (!table.caption && !table.hasAttribute("aria-label")) {
      const headings = all("h2, h3, h4").filter((one) => one.compareDocumentPosition(table) & 4);
      table.setAttribute("aria-label", headings.length ? headings.at(-1).textContent.trim() : "Table");
    }
    const batch = names.findIndex((name) => /^(newest |last |in )*batch$/i.test(name));
    const view = { words: "", whole: false };
    const count = () => (table.classList.contains("cards") ? 4 : 25);
    const more = make("button", { type: "button", class: "more" });
    const told = make("span", { class: "subtle", role: "status" });

    function show() {
      const most = view.whole || rows.length <= count() + 5 ? rows.length : count();
      let seen = 0;
      let left = 0;
      for (const row of table.tBodies[0].rows) {
        const number = batch < 0 ? null : toNumber(row.cells[batch].textContent);
        const outside = number !== null && (number < charts.state.first || number > charts.state.last);
        const found = !outside && row.textContent.toLowerCase().includes(view.words);
        const capped = found && seen >= most;
        if (found) capped ? (left += 1) : (seen += 1);
        row.hidden = !found || capped;
      }
      more.hidden = !left;
      more.textContent = `Show ${left} more rows`;
      const out = rows.length - seen - left;
      told.textContent = out ? `${out} of ${rows.length} rows are filtered out` : "";
    }

    if (rows.length > 1) heads.forEach((head, place) => prepareSorting(table, head, place, rows, show));
    const tools = make("div", { class: "tools" });
    if (rows.length > 6) {
      const field = make("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter the rows of this table" });
      field.addEventListener("input", () => ((view.words = field.value.toLowerCase().trim()), show()));
      tools.append(field);
    }
    tools.append(told);
    more.addEventListener("click", () => ((view.whole = true), show()));
    const frame = table.closest(".scroll") || table;
    frame.before(tools);
    frame.after(more);
    charts.onChange(show);
    keepFit(table, frame === table ? table.parentElement : frame, show);
  }

  function prepareSorting(table, head, place, rows, show) {
    if (!head.textContent.trim()) return;
    const button = make("button", { type: "button", class: "sort" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      all("th[aria-sort]", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const keyed = rows.map((row) => [toNumber(row.cells[place].textContent), row.cells[place].textContent.trim(), row]);
      keyed.sort(([number, text], [other, word]) => {
        if ((number === null) !== (other === null)) return number === null ? 1 : -1; // what is missing stays below
        return (rising ? 1 : -1) * (number === null ? text.localeCompare(word) : number - other);
      });
      table.tBodies[0].append(...keyed.map(([, , row]) => row));
      show();
    });
  }

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
      all("table", chapter).forEach(prepareTable);
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
