// Opens each page in frames of two widths and writes down what is too wide or too faint. See .ci/book.
const colour = text => text.match(/[\d.]+/g).map(Number);
const luminance = ([red, green, blue]) => [red, green, blue]
    .map(value => value / 255)
    .map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((left, right) => left - right);
    return (high + 0.05) / (low + 0.05);
};
const over = ([red, green, blue, alpha = 1], behind) =>
    [red, green, blue].map((value, place) => value * alpha + behind[place] * (1 - alpha));

// What is behind an element: its own background over that of what it stands in.
function background(element, view) {
    const behind = element.parentElement ? background(element.parentElement, view) : [255, 255, 255];
    return over(colour(view.getComputedStyle(element).backgroundColor), behind);
}

function faint(page) {
    const view = page.defaultView, found = new Map();
    const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const element = text.parentElement;
        if (!text.data.trim() || !element.getClientRects().length || element.closest("script, style, svg defs, title, desc")) continue;
        const style = view.getComputedStyle(element);
        if (style.visibility === "hidden") continue;
        const behind = background(element, view);
        const ratio = contrast(over(colour(element.closest("svg") ? style.fill : style.color), behind), behind);
        if (ratio < 4.5) found.set(`${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className}`, ratio);
    }
    return [...found].map(([element, ratio]) => `${element} has contrast ${ratio.toFixed(2)}`);
}

async function look(path, width) {
    const frame = document.createElement("iframe");
    frame.style.width = `${width}px`;
    frame.style.height = "1200px";
    frame.src = guide + path;
    document.body.append(frame);
    await new Promise(loaded => frame.addEventListener("load", loaded));
    await new Promise(settled => setTimeout(settled, 300));
    const page = frame.contentDocument;
    page.querySelectorAll("details").forEach(details => { details.open = true; });
    const root = page.documentElement;
    const wide = root.scrollWidth > root.clientWidth ? [`is ${root.scrollWidth} px wide`] : [];
    const wrong = [...wide, ...faint(page)].map(what => `WRONG ${path} at ${width} px: ${what}`);
    frame.remove();
    return wrong;
}

addEventListener("load", async () => {
    const wrong = [];
    for (const path of pages) for (const width of [1280, 390]) wrong.push(...(await look(path, width)));
    const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const found = document.createElement("pre");
    found.id = "found";
    found.textContent = `\n${wrong.concat(`looked at ${pages.length} pages, 1280 and 390 px wide, ${scheme}`).join("\n")}\n`;
    document.body.append(found);
});
