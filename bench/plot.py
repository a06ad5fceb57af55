"""The plot: how costs grow with the number of records."""
import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "unosql"  # the same results make the same file

import matplotlib.pyplot as plt  # noqa: E402

STYLES = {
    "littlefs, plain": ("#1f77b4", "o-"), "littlefs, encrypted": ("#1f77b4", "o--"),
    "raw flash, plain": ("#2ca02c", "s-"), "raw flash, encrypted": ("#2ca02c", "s--"),
    "JSON lines": ("#ff7f0e", "^-"), "JSON file": ("#d62728", "v-"),
}


def draw(results, path):
    """Write the plot as SVG to path."""
    costs, heap, counts = results["flash"]["costs"], results["heap"]["smallest"], results["instructions"]["operations"]
    panels = (
        ("Bytes programmed per insert", lambda name, n: costs[name][n]["insert"][0]),
        ("Erases per insert", lambda name, n: costs[name][n]["insert"][1]),
        ("Smallest heap that works, KiB", lambda name, n: heap[name][n]["everything"]),
        ("Instructions per get by id", lambda name, n: counts[name][n]["get"]),
    )
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), constrained_layout=True)
    for axis, (title, figure_of) in zip(axes.flat, panels):
        for name, (color, style) in STYLES.items():
            axis.plot(results["sizes"], [figure_of(name, str(n)) for n in results["sizes"]], style, color=color,
                      label=name if name in ("JSON lines", "JSON file") else "unosql on " + name)
        axis.set(title=title, xscale="log", yscale="log", xlabel="records")
        axis.grid(True, which="major", alpha=0.3)
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
