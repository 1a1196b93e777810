// Every page works without this. It shows instants in the viewer's zone, copies, sends a form once,
// and puts the keyboard where the problems are.
"use strict";

const FORMATS = {
  minute: { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" },
  day: { day: "numeric", month: "long", year: "numeric" },
};

for (const time of document.querySelectorAll("time[data-show]")) {
  const format = FORMATS[time.dataset.show];
  const moment = new Date(time.dateTime);
  if (!format || Number.isNaN(moment.getTime())) continue;
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat("en-GB", format).format(moment).replace(" at ", ", ");
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  const words = [...button.childNodes];
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    button.setAttribute("aria-live", "polite");
    setTimeout(() => { button.replaceChildren(...words); }, 2000);
  });
}

// A button that names the day of a date field keeps naming it.
for (const input of document.querySelectorAll("input[data-day-of]")) {
  const button = document.getElementById(input.dataset.dayOf);
  if (!button) continue;
  input.addEventListener("input", () => {
    const day = input.valueAsDate ? new Intl.DateTimeFormat("en-GB", { ...FORMATS.day, timeZone: "UTC" }).format(input.valueAsDate) : "this day";
    button.textContent = button.dataset.words.replace("{day}", day);
  });
}

// A second press would be the answer that is shown, and say that the first one was quicker.
const AGAIN_AFTER = 3000; // milliseconds: by then the network may have lost it
for (const form of document.querySelectorAll("form[method=post]")) {
  let sent = -AGAIN_AFTER;
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - sent < AGAIN_AFTER) event.preventDefault();
    else sent = event.timeStamp;
  });
}

document.querySelector("[data-focus]")?.focus();
