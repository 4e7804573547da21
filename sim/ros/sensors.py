# SPDX-License-Identifier: Apache-2.0
"""The simulated robot's camera and frames on topics, as a robot's drivers would publish them.

Neighbours: simulator_node.py may own one of these; box_camera.py pictures; transforms.py of the brain listens.
Rules of the file: one exposure has one stamp and one frame; a picture is only made where somebody listens; colour is
rgb8; depth is 32FC1 in metres, NaN where there is no reading, as REP-118 has it (box_camera.py says 0); map -> odom is
the identity, since a simulator needs no SLAM.
"""

from __future__ import annotations

import array
import math
import sys
from typing import Any

import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from brain_nodes.ros.conversions import to_header, to_transform
from brain_nodes.ros.transforms import TF, TF_STATIC
from memory.geometry import BASE, MAP, ODOM, Pose
from memory.records import Camera
from sim.box_camera import intrinsics, picture
from sim.world import Robot, World

# Best effort lost half of the larger frames on this transport; who wants that may still subscribe so.
FRAMES = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
MOVING = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
FIXED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class SensorTopics:
    """Publishers of `camera/image_raw`, `camera/depth/image_raw`, `camera/camera_info`, /tf and /tf_static.

    Args:
        node: Whose publishers they are.
        images: Publish pictures; without them only tf is left.

    Attributes:
        tells_frames: Is there a tf2_msgs to tell them with?
    """

    def __init__(self, node: Any, width_px: int = 64, height_px: int = 64, images: bool = True) -> None:
        self.width_px, self.height_px = width_px, height_px
        self._node = node
        self._publishers: list[Any] = []
        self._images: tuple[Any, Any, Any] | None = None
        if images:
            self._images = (
                self._say(Image, "camera/image_raw", FRAMES),
                self._say(Image, "camera/depth/image_raw", FRAMES),
                self._say(CameraInfo, "camera/camera_info", FRAMES),
            )
        self._tf = self._tf_static = self._message = None
        self._fixed = False
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            node.get_logger().warning("tf2_msgs is not installed: no transforms are published")
        else:
            self._message = TFMessage
            self._tf, self._tf_static = self._say(TFMessage, TF, MOVING), self._say(TFMessage, TF_STATIC, FIXED)
        self.tells_frames = self._message is not None

    def publish(self, world: World, robot: Robot, camera: Camera, stamp_ns: int, *, localised: bool = True) -> None:
        """One exposure, and where everything was then.

        Args:
            localised: The robot knows where it stands; otherwise only the mounting of its camera is told.
        """
        self._tell_frames(robot, camera.frame_id, stamp_ns, localised)
        if self._images is None:
            return
        colour, depth, info = self._images
        info.publish(to_camera_info(camera, self.width_px, self.height_px, stamp_ns))
        if not colour.get_subscription_count() + depth.get_subscription_count():
            return
        rgb_nhwc, depth_m = picture(world, camera, self.width_px, self.height_px)
        reading_m = np.where(depth_m > 0.0, depth_m, np.float32(math.nan)).astype(np.float32)
        colour.publish(to_image(rgb_nhwc, "rgb8", camera.frame_id, stamp_ns))
        depth.publish(to_image(reading_m, "32FC1", camera.frame_id, stamp_ns))

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers = []

    def _tell_frames(self, robot: Robot, camera_frame: str, stamp_ns: int, localised: bool) -> None:
        if self._message is None or self._tf is None or self._tf_static is None:
            return
        if localised and not self._fixed:
            self._tf_static.publish(self._message(transforms=[to_transform(Pose(), stamp_ns, MAP, ODOM)]))
            self._fixed = True
        moving = [to_transform(robot.base_from_camera, stamp_ns, BASE, camera_frame)]
        if localised:
            moving.insert(0, to_transform(robot.map_from_base, stamp_ns, ODOM, BASE))
        self._tf.publish(self._message(transforms=moving))

    def _say(self, kind: Any, topic: str, qos: QoSProfile) -> Any:
        publisher = self._node.create_publisher(kind, topic, qos)
        self._publishers.append(publisher)
        return publisher


def to_image(pixels: np.ndarray[Any, Any], encoding: str, frame_id: str, stamp_ns: int) -> Image:
    """Pixels [H, W] or [H, W, C] as a message."""
    height_px, width_px = pixels.shape[:2]
    image = Image(
        header=to_header(stamp_ns, frame_id), height=height_px, width=width_px, encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"), step=pixels[0].nbytes,
    )  # fmt: skip
    image.data = array.array("B", pixels.tobytes())  # bytes would be checked one by one
    return image


def to_camera_info(camera: Camera, width_px: int, height_px: int, stamp_ns: int) -> CameraInfo:
    """The pinhole of a picture, without distortion."""
    fx, fy, cx, cy = intrinsics(camera, width_px, height_px)
    return CameraInfo(
        header=to_header(stamp_ns, camera.frame_id), height=height_px, width=width_px, distortion_model="plumb_bob",
        d=[0.0] * 5, k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip
