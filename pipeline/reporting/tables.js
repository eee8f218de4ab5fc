"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const make = (tag, attributes = {}, ...inner) => {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  one.append(...inner);
  return one;
};

/* What a reader can do with a table: sort and filter its rows, see as many as matter, and read it on a narrow screen. */
const tables = (() => {
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

  function prepare(table) {
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

  return { prepare };
})();
