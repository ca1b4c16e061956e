"use strict";
(() => {
  const NARROW = 560;
  const PRINTED = 880;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)");
  const config = {
    displaylogo: false,
    showSendToCloud: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  const coloured = (value, style) => {
    if (typeof value === "string") {
      return value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
    }
    if (Array.isArray(value)) return value.map((each) => coloured(each, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, coloured(each, style)]),
    );
  };

  const merged = (base, changes) => {
    const whole = { ...base };
    for (const [key, change] of Object.entries(changes)) {
      const nested = change !== null && typeof change === "object" && !Array.isArray(change);
      whole[key] = nested ? merged(base[key] ?? {}, change) : change;
    }
    return whole;
  };

  const charts = Array.from(document.querySelectorAll("script[data-chart]"), (script) => ({
    holder: document.getElementById(script.dataset.chart),
    figure: JSON.parse(script.textContent),
    width: 0,
  }));

  const draw = (chart, width) => {
    chart.width = width;
    const figure = coloured(chart.figure, getComputedStyle(document.documentElement));
    const narrow = width < NARROW;
    const layout = merged(figure.layout, narrow ? figure.narrow : {});
    const still = narrow || touch.matches;
    layout.dragmode = still ? false : "zoom";
    const displayModeBar = still ? false : "hover";
    Plotly.react(chart.holder, figure.data, { ...layout, width }, { ...config, displayModeBar });
  };

  // What can be taken away: a chart as SVG in the colours of paper, and the numbers of charts and
  // tables as CSV. A chart's numbers are put into its table when that is first opened.

  const plain = (text) => {
    const spaced = String(text ?? "").replaceAll("<br>", " ");
    return new DOMParser().parseFromString(spaced, "text/html").body.textContent;
  };

  const told = (axis, value) => {
    const place = axis.tickvals?.indexOf(value) ?? -1;
    const text = place < 0 ? value : plain(axis.ticktext[place]);
    return text === String(value) ? value : text;
  };

  const axisOf = (layout, trace, letter) =>
    layout[(trace[`${letter}axis`] ?? letter).replace(letter, `${letter}axis`)] ?? {};

  const numbers = ({ data, layout }) => {
    const unit = layout.annotations?.find((each) => each.name === "unit");
    const x = plain(layout.xaxis.title?.text) || "x";
    const y = plain(layout.yaxis.title?.text) || (unit ? plain(unit.text) : "") || "row";
    const rows = [];
    for (const trace of data.filter((each) => each.hoverinfo !== "skip" && each.x)) {
      trace.x.forEach((value, index) => {
        const row = { series: plain(trace.name) };
        if (trace.base) row[`from, ${x}`] = trace.base[index] ?? trace.base;
        row[x] = told(axisOf(layout, trace, "x"), value);
        row[y] = told(axisOf(layout, trace, "y"), trace.y[index]);
        const error = trace.error_y;
        if (error?.array) {
          row.low = trace.y[index] - error.arrayminus[index];
          row.high = trace.y[index] + error.array[index];
        }
        if (trace.hovertext) row.what = plain(trace.hovertext[index]);
        rows.push(row);
      });
    }
    const names = [...new Set(rows.flatMap(Object.keys))];
    return [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))];
  };

  const fill = (table, [names, ...rows]) => {
    const line = (cells, tag) => {
      const row = document.createElement("tr");
      for (const cell of cells) {
        const element = document.createElement(tag);
        if (tag === "th") element.scope = "col";
        if (typeof cell === "number") element.className = "number";
        element.textContent = cell;
        row.append(element);
      }
      return row;
    };
    table.createTHead().append(line(names, "th"));
    table.createTBody().append(...rows.map((row) => line(row, "td")));
  };

  const cellsOf = (table) =>
    Array.from(table.rows, (row) =>
      Array.from(row.cells, (cell) => {
        const parts = Array.from(cell.childNodes, (node) => node.textContent.trim());
        return parts.filter(Boolean).join(" ");
      }),
    );

  const quoted = (cell) => {
    const text = String(cell).replaceAll("\u00a0", " ");
    const bare = /^[+−-]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(",", "") : text;
    const safe = /^[=@\t]/.test(bare) ? `'${bare}` : bare;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };

  const save = (content, type, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = `${document.title} ${name}`.replace(/[^\w.]+/g, "-").toLowerCase();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  const svg = async ({ holder, figure, width }) => {
    const root = document.documentElement;
    root.dataset.print = "";
    const { data, layout } = coloured(figure, getComputedStyle(root));
    delete root.dataset.print;
    const size = { width, height: layout.height };
    const url = await Plotly.toImage({ data, layout: { ...layout, ...size } }, { format: "svg", ...size });
    return decodeURIComponent(url.slice(url.indexOf(",") + 1));
  };

  const chartOf = (element) => {
    const name = element.closest("details.data")?.dataset.of;
    return charts.find(({ holder }) => holder.id === name);
  };

  document.addEventListener("click", async ({ target }) => {
    const format = target.dataset?.save;
    if (!format) return;
    const title = target.closest("figure").querySelector("h3").textContent;
    if (format === "svg") {
      save(await svg(chartOf(target)), "image/svg+xml", `${title}.svg`);
    } else {
      const chart = chartOf(target);
      const cells = chart ? numbers(chart.figure) : cellsOf(target.closest("figure").querySelector("table"));
      save(cells.map((row) => row.map(quoted).join(",")).join("\n"), "text/csv", `${title}.csv`);
    }
  });

  for (const fold of document.querySelectorAll("details.data")) {
    fold.addEventListener("toggle", () => {
      const table = fold.querySelector("table");
      if (fold.open && !table.tHead) fill(table, numbers(chartOf(fold).figure));
    });
  }

  const drawAll = () => charts.forEach((chart) => draw(chart, chart.holder.clientWidth));
  const resized = new ResizeObserver((entries) => {
    if ("print" in document.documentElement.dataset) return;
    for (const { target } of entries) {
      const chart = charts.find(({ holder }) => holder === target);
      if (target.clientWidth && target.clientWidth !== chart.width) draw(chart, target.clientWidth);
    }
  });

  drawAll();
  charts.forEach(({ holder }) => resized.observe(holder));
  dark.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    charts.forEach((chart) => draw(chart, PRINTED));
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    drawAll();
  });
})();
