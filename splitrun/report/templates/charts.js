"use strict";
(() => {
  const NARROW = 560;
  const PRINTED = 660;
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
