"""The things that are remembered, a file per noun."""

from rockonweb.core.lifecycle import Kind, Progress, State
from rockonweb.core.status import Status
from rockonweb.models.audit import AuditLine
from rockonweb.models.base import Base, Secret, db, now, writing
from rockonweb.models.container import Container
from rockonweb.models.custom_config import CustomConfig
from rockonweb.models.device import Device
from rockonweb.models.draft import Draft
from rockonweb.models.environment import Environment
from rockonweb.models.image import ContainerImage, PulledImage
from rockonweb.models.installation import Installation
from rockonweb.models.kept_volume import KeptVolume
from rockonweb.models.label import Label
from rockonweb.models.metastore import Metastore, MetastoreFile, RefreshReport
from rockonweb.models.network import Network, NetworkMember
from rockonweb.models.notice import NoticeMessage, NoticeTarget
from rockonweb.models.operation import ACTIVE, Operation, OperationStep
from rockonweb.models.port import Port
from rockonweb.models.recovery_code import RecoveryCode
from rockonweb.models.restore import Restore
from rockonweb.models.rockon import RockOn
from rockonweb.models.rollback_point import RollbackPoint
from rockonweb.models.session import LoginSession
from rockonweb.models.token import Token
from rockonweb.models.user import Role, User
from rockonweb.models.volume import Volume

__all__ = [
    "ACTIVE",
    "AuditLine",
    "Base",
    "Container",
    "ContainerImage",
    "CustomConfig",
    "Device",
    "Draft",
    "Environment",
    "Installation",
    "KeptVolume",
    "Kind",
    "Label",
    "LoginSession",
    "Metastore",
    "MetastoreFile",
    "Network",
    "NetworkMember",
    "NoticeMessage",
    "NoticeTarget",
    "Operation",
    "OperationStep",
    "Port",
    "Progress",
    "PulledImage",
    "RecoveryCode",
    "RefreshReport",
    "Restore",
    "RockOn",
    "Role",
    "RollbackPoint",
    "Secret",
    "State",
    "Status",
    "Token",
    "User",
    "Volume",
    "db",
    "now",
    "writing",
]
