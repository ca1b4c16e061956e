// Reads pages in headless Chromium, as their users do, and prints as JSON what it found:
// node read.mjs CHROMIUM PAGE...

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [executablePath, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [
  { name: "wide", width: 1400, scheme: "light" },
  { name: "phone", width: 400, scheme: "light" },
  { name: "dark", width: 1400, scheme: "dark" },
];
const MOST_TABS = 400;

const drawn = () =>
  [...document.querySelectorAll(".chart")].every((chart) => chart.querySelector("svg.main-svg"));

async function open(browser, url, { width, scheme }, found) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  page.on("console", (message) => found.complaints.push(message.text()));
  page.on("pageerror", (error) => found.complaints.push(error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && request.url() !== url) found.loaded.push(request.url());
  });
  await page.goto(url);
  await page.waitForFunction(drawn);
  return page;
}

async function seriousFaults(page) {
  const session = await page.createCDPSession();
  await session.send("Runtime.evaluate", { expression: axe }); // no script of the page's: past its policy
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`);
}

// Presses Tab until the focus comes round, and Enter on every fold: what is within comes next.
async function foldsByKeyboard(page) {
  const opened = [];
  for (let count = 0; count < MOST_TABS; count += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const { activeElement: element } = document;
      if (element === document.body || element.dataset.seen) return null;
      element.dataset.seen = "1";
      return element.tagName;
    });
    if (at === null) break;
    if (at !== "SUMMARY") continue;
    await page.keyboard.press("Enter");
    opened.push(await page.evaluate(() => document.activeElement.parentElement.open));
  }
  const all = await page.evaluate(() => document.querySelectorAll("details").length);
  return { all, opened: opened.filter(Boolean).length };
}

const rowsOfData = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("details.data")].map((fold) => fold.querySelectorAll("tr").length),
  );

async function saved(page) {
  return page.evaluate(async () => {
    const blobs = [];
    URL.createObjectURL = (blob) => (blobs.push(blob), "#");
    HTMLAnchorElement.prototype.click = () => {};
    const files = [];
    for (const button of document.querySelectorAll("button[data-save]")) {
      button.click();
      while (blobs.length <= files.length) await new Promise((go) => setTimeout(go));
      files.push({ format: button.dataset.save, text: (await blobs.at(-1).text()).slice(0, 200) });
    }
    return files;
  });
}

const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const results = [];
for (const path of pages) {
  const url = `file://${path}`;
  const found = { complaints: [], loaded: [], faults: {}, widths: {} };
  for (const look of LOOKS) {
    const page = await open(browser, url, look, found);
    found.widths[look.name] = await page.evaluate(() => document.documentElement.scrollWidth);
    if (look.name === "wide") {
      found.charts = await page.evaluate(() => document.querySelectorAll(".chart").length);
      found.folds = await foldsByKeyboard(page);
      found.rows = await rowsOfData(page);
      found.saved = await saved(page);
    }
    found.faults[look.name] = await seriousFaults(page);
    await page.close();
  }
  results.push(found);
}
await browser.close();
console.log(JSON.stringify(results));
