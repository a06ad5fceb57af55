// Fills in what depends on where the page is, and says when what ESP Web Tools installs from is missing.

document.getElementById("mip").textContent =
  `mpremote mip install ${new URL("mip/package.json", document.baseURI)}`;

async function check() {
  const response = await fetch("manifest.json");
  if (!response.ok) {
    throw new Error(`manifest.json: ${response.status} ${response.statusText}`);
  }
}

check().catch((error) => {
  const note = document.getElementById("error");
  note.textContent = `Installing from the browser will not work: ${error.message}`;
  note.hidden = false;
});
