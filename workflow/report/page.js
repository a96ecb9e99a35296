// What a page can do beside being read: light and dark, sorting and filtering tables, exploring curves.
// Without this script the page is complete; everything here is added to what stands there.
"use strict";

(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };

  const onTheme = [];

  const switchTheme = () => {
    const button = make("button", { type: "button", class: "theme" });
    const say = () => (button.textContent = dark() ? "Light" : "Dark");
    const retell = () => [say, ...onTheme].forEach((tell) => tell());
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = dark() ? "light" : "dark";
      retell();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retell);
    say();
    document.querySelector(".title").append(button);
  };

  // sortable-tablesort listens to clicks within a th; a button inside brings them from the keyboard too.
  const makeSortable = (table) => {
    for (const heading of table.tHead.rows[0].cells) {
      const button = make("button", { type: "button" });
      button.append(...heading.childNodes);
      heading.append(button);
    }
    table.classList.add("sortable", "asc", "n-last");
  };

  const makeFilter = (table) => {
    const status = make("span", { role: "status" });
    const input = make("input", { type: "search", autocomplete: "off" });
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      const left = rows.filter((row) => !row.hidden).length;
      status.textContent = words.length ? `${left} of ${rows.length} rows` : "";
    });
    const label = make("label", {}, "Filter ", input);
    table.closest(".scroll").before(make("div", { class: "filter" }, label, status));
  };

  // Ticks of a logarithmic axis that shows less than a power of ten: round values at even distances.
  const ticks = (low, high) => {
    const step = [1, 2, 5, 10].map((one) => one * 10 ** Math.floor(Math.log10((high - low) / 4)));
    const width = step.find((one) => (high - low) / one <= 7);
    const found = [];
    for (let value = Math.ceil(low / width) * width; value <= high; value += width) found.push(+value.toPrecision(12));
    return found;
  };

  const explore = (place) => {
    const { metric, unit, log, cases } = JSON.parse(place.dataset.curves);
    const panels = [...new Set(cases.map((one) => one.panel))];
    const names = [...new Set(cases.map((one) => one.implementation))];
    const shown = new Set(names);
    const select = make("select", {}, ...panels.map((panel) => make("option", { value: panel }, panel)));
    const boxes = make("fieldset", {}, make("legend", {}, "Shown"));
    const plotted = make("div", { class: "plot", tabindex: "0", role: "group" });
    const readout = make("p", { class: "readout", role: "status" });
    const whole = make("button", { type: "button" }, "Whole schedule");
    const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 }) + unit;
    let plot = null;
    let mine = [];

    const tell = (index) => {
      if (index === null || index === undefined) {
        readout.textContent =
          "Point at the curves for values, or focus them and press the arrow keys. Drag to zoom, or press + and \u2212; double click or 0 shows all.";
        return;
      }
      const said = mine.flatMap((one, place) => {
        const value = plot.data[1 + 3 * place][index];
        if (value === null || value === undefined) return [];
        const [low, high] = [plot.data[2 + 3 * place][index], plot.data[3 + 3 * place][index]];
        const range = one.seeds > 1 ? ` (${number(low)} to ${number(high)}, ${one.seeds} seeds)` : "";
        return [`${one.implementation} ${number(value)}${range}`];
      });
      readout.textContent = `Epoch ${plot.data[0][index]}, validation ${metric}: ${said.join("; ")}`;
    };

    const draw = () => {
      if (plot) plot.destroy();
      mine = cases.filter((one) => one.panel === select.value && shown.has(one.implementation));
      const faint = getComputedStyle(place).borderTopColor;
      const text = getComputedStyle(readout).color;
      const epochs = [...new Set(mine.flatMap((one) => one.epochs))].sort((one, other) => one - other);
      const along = (one, values) => epochs.map((epoch) => values[one.epochs.indexOf(epoch)] ?? null);
      const data = [epochs, ...mine.flatMap((one) => [one.mean, one.low, one.high].map((each) => along(one, each)))];
      const hidden = { stroke: "transparent", width: 0, points: { show: false } };
      const axis = { stroke: text, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
      plot = new uPlot(
        {
          width: Math.max(240, plotted.clientWidth),
          height: 320,
          legend: { show: false },
          cursor: { drag: { x: true, y: false }, y: false },
          scales: {
            x: { time: false, range: (_, low, high) => (low === high ? [low - 0.5, high + 0.5] : [low, high]) },
            y: {
              distr: log ? 3 : 1,
              range: (_, low, high) => {
                if (low === null) return [1, 2];
                return log ? [low / 1.03, high * 1.03] : [low - 0.3, Math.min(high + 0.3, 100.2)];
              },
            },
          },
          axes: [
            { ...axis, label: "epoch", labelSize: 22, incrs: [1, 2, 5, 10, 20, 50] },
            {
              ...axis,
              size: 60,
              label: `validation ${metric}${log ? " (log axis)" : ""}`,
              labelSize: 22,
              splits: (_, __, low, high) => ticks(low, high),
              filter: (_, splits) => splits,
              values: (_, splits) => splits.map(number),
            },
          ],
          series: [
            {},
            ...mine.flatMap((one) => {
              const points = { show: true, size: 5, stroke: one.colour };
              return [{ label: one.implementation, stroke: one.colour, width: 2, dash: one.dash, points }, hidden, hidden];
            }),
          ],
          bands: mine.map((one, place) => ({ series: [3 + 3 * place, 2 + 3 * place], fill: `${one.colour}30` })),
          hooks: { setCursor: [(self) => tell(self.cursor.idx)] },
        },
        data,
        plotted,
      );
      tell(null);
    };

    const zoom = (factor) => {
      const { min, max } = plot.scales.x;
      const [first, last] = [plot.data[0][0], plot.data[0].at(-1)];
      const middle = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : (min + max) / 2;
      const low = Math.max(first, middle - (middle - min) * factor);
      const high = Math.min(last, middle + (max - middle) * factor);
      if (high - low >= 1) plot.setScale("x", { min: low, max: high });
    };

    const all = () => plot.setScale("x", { min: plot.data[0][0], max: plot.data[0].at(-1) });

    const step = (by) => {
      const { min, max } = plot.scales.x;
      const inside = plot.data[0].flatMap((epoch, index) => (epoch >= min && epoch <= max ? [index] : []));
      const now = inside.indexOf(plot.cursor.idx);
      const next = now < 0 ? (by > 0 ? 0 : inside.length - 1) : Math.min(Math.max(now + by, 0), inside.length - 1);
      const index = inside[next];
      if (index !== undefined) plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: 0 });
    };

    const keys = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: all };
    plotted.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    for (const name of names) {
      const box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        shown[box.checked ? "add" : "delete"](name);
        draw();
      });
      const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
      const look = cases.find((one) => one.implementation === name);
      swatch.style.borderTopColor = look.colour;
      swatch.style.borderTopStyle = look.dash ? "dashed" : "solid";
      boxes.append(make("label", {}, box, swatch, name));
    }
    select.addEventListener("change", draw);
    whole.addEventListener("click", all);
    plotted.setAttribute("aria-label", `Curves of validation ${metric}: left and right arrow keys read values, plus and minus zoom, 0 shows all`);
    const controls = make("div", { class: "controls" }, boxes, whole);
    if (panels.length > 1) controls.prepend(make("label", {}, "Curves of ", select));
    place.append(controls, plotted, readout);
    place.hidden = false;
    draw();
    onTheme.push(draw);
    new ResizeObserver(() => plot.setSize({ width: Math.max(240, plotted.clientWidth), height: 320 })).observe(place);
  };

  switchTheme();
  for (const table of document.querySelectorAll("table")) {
    if (table.closest(".matrix")) continue; // its rows are in the order of its columns
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) makeSortable(table);
    if (rows > 5) makeFilter(table);
  }
  document.querySelectorAll("[data-curves]").forEach(explore);
})();
