"""The stories by which defects are seen that have test files of their own."""

from tests.unit.zoo.test_zoo_concurrency import SCENARIOS as OF_CONCURRENCY
from tests.unit.zoo.test_zoo_disks import SCENARIOS as OF_DISKS
from tests.unit.zoo.test_zoo_executions import STORIES as OF_EXECUTIONS
from tests.unit.zoo.test_zoo_fail_over import STORIES as OF_FAIL_OVERS
from tests.unit.zoo.test_zoo_health import SCENARIOS as OF_HEALTH
from tests.unit.zoo.test_zoo_leaders import STORIES as OF_LEADERS
from tests.unit.zoo.test_zoo_loads import SCENARIOS as OF_LOADS
from tests.unit.zoo.test_zoo_moves import SCENARIOS as OF_MOVES
from tests.unit.zoo.test_zoo_orders import SCENARIOS as OF_ORDERS
from tests.unit.zoo.test_zoo_queries import TELLING as OF_QUERIES
from tests.unit.zoo.test_zoo_regions import STORIES as OF_REGIONS
from tests.unit.zoo.test_zoo_reshapes import STORIES as OF_RESHAPES
from tests.unit.zoo.test_zoo_resources import SCENARIOS as OF_RESOURCES
from tests.unit.zoo.test_zoo_sagas import SCENARIOS as OF_SAGAS
from tests.unit.zoo.test_zoo_scaling import SCENARIOS as OF_SCALING
from tests.unit.zoo.test_zoo_tables import SCENARIOS as OF_TABLES
from tests.unit.zoo.test_zoo_transactions import SCENARIOS as OF_TRANSACTIONS

OTHERS = (
    OF_CONCURRENCY,
    OF_DISKS,
    OF_EXECUTIONS,
    OF_FAIL_OVERS,
    OF_HEALTH,
    OF_LEADERS,
    OF_LOADS,
    OF_MOVES,
    OF_ORDERS,
    OF_QUERIES,
    OF_REGIONS,
    OF_RESHAPES,
    OF_RESOURCES,
    OF_SAGAS,
    OF_SCALING,
    OF_TABLES,
    OF_TRANSACTIONS,
)
