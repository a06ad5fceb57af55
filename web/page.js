// Fills the page from the manifest that ESP Web Tools installs from.

function cell(...content) {
  const td = document.createElement("td");
  td.append(...content);
  return td;
}

function link(path) {
  const a = document.createElement("a");
  a.href = path;
  a.textContent = path;
  return a;
}

function show(manifest) {
  document.getElementById("version").textContent = `Version ${manifest.version}.`;
  for (const build of manifest.builds) {
    for (const part of build.parts) {
      const row = document.createElement("tr");
      row.append(cell(build.chipFamily), cell(link(part.path)), cell("0x" + part.offset.toString(16)));
      document.getElementById("images").append(row);
    }
  }
}

async function load() {
  const response = await fetch("manifest.json");
  if (!response.ok) {
    throw new Error(`manifest.json: ${response.status} ${response.statusText}`);
  }
  show(await response.json());
}

document.getElementById("mip").textContent =
  `mpremote mip install ${new URL("mip/package.json", document.baseURI)}`;

load().catch((error) => {
  const note = document.getElementById("error");
  note.textContent = `The list of images cannot be loaded: ${error.message}`;
  note.hidden = false;
});
