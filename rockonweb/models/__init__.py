"""The SQLAlchemy models, a module per noun."""

from rockonweb.core.operations.lifecycle import Kind, Progress, State
from rockonweb.core.status.status import Problem, Status
from rockonweb.models.adoption import OldContainer, WatchedContainer
from rockonweb.models.audit import AuditEntry
from rockonweb.models.base import Base, EncryptedText, db, transaction, utc_now
from rockonweb.models.container import Container, Device, Environment, Label, NetworkMember, Port, Volume
from rockonweb.models.data_backup import DataBackup, DataRepository
from rockonweb.models.draft import Draft
from rockonweb.models.episode import Episode, Maintenance, maintenance_until
from rockonweb.models.image import ContainerImage, PulledImage
from rockonweb.models.installation import CustomConfig, Installation, KeptVolume
from rockonweb.models.metastore import Metastore, MetastoreFile, RefreshReport, RefreshSchedule
from rockonweb.models.network import Network
from rockonweb.models.notice import NoticeMessage, NoticeTarget
from rockonweb.models.operation import ACTIVE_PROGRESS, Operation, OperationMember, OperationStep, concerns_rockon
from rockonweb.models.registry_login import RegistryLogin
from rockonweb.models.restore import Restore
from rockonweb.models.rockon import RockOn
from rockonweb.models.rollback_point import RollbackPoint
from rockonweb.models.session import LoginSession
from rockonweb.models.share import Share
from rockonweb.models.token import Token
from rockonweb.models.user import RecoveryCode, Role, User
